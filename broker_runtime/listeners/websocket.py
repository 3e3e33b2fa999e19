"""MQTT over WebSocket (MQTT 5.0 §6, RFC 6455): frames off what comes, one frame around each write.

The framing, the unmasking (in C) and the upgrade are the library's; here is what MQTT asks for, and
the bounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from websockets.exceptions import NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from broker_runtime.broker.clock import Clock
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.contract.configuration import Listener
from broker_runtime.listeners.layer import Layer, Refusals, Upper

MAX_UPGRADE_BYTES = 16 * 1024
"""Longest upgrade request."""
MIN_FRAME_BYTES = 64 * 1024
"""A frame may hold several packets: never fewer bytes than this."""
CONTROL_FRAMES = 100
"""Pings, pongs and empty frames that a client may send at once …"""
CONTROL_FRAMES_PER_S = 20.0
"""… and how fast that allowance grows again."""

SUBPROTOCOLS = [Subprotocol("mqtt"), Subprotocol("mqttv3.1")]
"""[MQTT-6.0.0-4] [MQTT3-6.0.0-4] "mqtt"; the other is what clients of MQTT 3.1 ask for."""

_frame_log = logging.getLogger("broker_runtime.websocket_frames")
_frame_log.setLevel(logging.ERROR)  # the library tells of each connection
_ORIGIN_OF_PROGRAMS = None


_REASONS = {
    HTTPStatus.NOT_FOUND: "path",
    HTTPStatus.FORBIDDEN: "origin",
    HTTPStatus.UPGRADE_REQUIRED: "no_upgrade",
}


class WebSocketLayer(Layer):
    """Takes MQTT out of binary frames and puts it into them.

    The bytes of frames are a stream: packets and frames need not align [MQTT-6.0.0-2]
    [MQTT3-6.0.0-2].

    Args:
        above: what gets the MQTT bytes.
        listener: path and origins.
        clock: how fast control frames come.
        bound_bytes: the most bytes that may wait here before they are handed on.
    """

    __slots__ = (
        "_allowance",
        "_allowed_s",
        "_bound_bytes",
        "_clock",
        "_is_behind",
        "_is_over",
        "_listener",
        "_upgrade_bytes",
        "_ws",
    )

    def __init__(
        self,
        above: Upper,
        listener: Listener,
        refusals: Refusals,
        clock: Clock,
        bound_bytes: Callable[[], int],
    ) -> None:
        super().__init__(above, "ws", refusals)
        self._clock = clock
        self._bound_bytes = bound_bytes
        self._listener = listener
        self._upgrade_bytes = 0
        self._allowance = float(CONTROL_FRAMES)
        self._allowed_s = 0.0
        self._is_behind = False
        """The peer does not take what is written."""
        self._is_over = False
        """The connection failed: nothing more is said or heard."""
        origins = [Origin(origin) for origin in listener.origins]
        self._ws = ServerProtocol(
            origins=[_ORIGIN_OF_PROGRAMS, *origins] if origins else None,
            extensions=None,  # no compression: nothing that could be inflated (P27)
            subprotocols=SUBPROTOCOLS,
            max_size=(None, MIN_FRAME_BYTES),
            logger=_frame_log,
        )

    # -- protocol of what is below -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Part of the upgrade request, or of frames."""
        if self._is_over or self._is_refused:
            return
        ws = self._ws
        ws.max_fragment_size = max(MIN_FRAME_BYTES, self._bound_bytes())
        ws.receive_data(data)
        payload = self._payload() if self._is_open else self._upgrade(len(data))
        self._send_out()
        if payload:
            self._above.data_received(payload)
        if ws.parser_exc is not None and not self._is_over:
            self._fail(str(ws.parser_exc))
        self._give_way(len(data))

    def _upgrade(self, size: int) -> bytes:
        """Go on with the upgrade; what came behind the request belongs to nobody."""
        ws, events = self._ws, self._ws.events_received()
        self._upgrade_bytes += size
        if not events:
            if ws.handshake_exc is not None:
                self._send_out()
                self._refuse("bad_request", f"WebSocket upgrade: {ws.handshake_exc}")
            elif self._upgrade_bytes > MAX_UPGRADE_BYTES:
                self._refuse("too_long", "WebSocket upgrade: the request is too long")
            return b""
        request = events[0]
        assert isinstance(request, Request), "the first thing a server reads"
        path = request.path.partition("?")[0]
        if self._upgrade_bytes > MAX_UPGRADE_BYTES or len(events) > 1:
            response = ws.reject(HTTPStatus.BAD_REQUEST, "Too much at once.\n")
        elif self._listener.path and path != self._listener.path:
            response = ws.reject(HTTPStatus.NOT_FOUND, "There is no MQTT at this path.\n")
        else:
            response = ws.accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            ws.send_response(response)
            self._is_open = True
            return b""
        ws.writes.clear()  # a frame that came too early was answered
        ws.send_response(response)
        self._send_out()
        is_subprotocol = isinstance(ws.handshake_exc, NegotiationError)
        reason = _REASONS.get(HTTPStatus(response.status_code), "bad_request")
        detail = ws.handshake_exc or f"{response.status_code} {response.reason_phrase}"
        self._refuse("subprotocol" if is_subprotocol else reason, f"WebSocket upgrade: {detail}")
        return b""

    def _payload(self) -> bytes:
        """MQTT bytes of the frames that are complete."""
        pieces: list[bytes] = []
        for event in self._ws.events_received():
            assert isinstance(event, Frame), "the request came before"
            opcode, data = event.opcode, event.data
            if opcode is Opcode.BINARY or opcode is Opcode.CONT:
                if data:
                    pieces.append(bytes(data))
                else:
                    self._spend()
            elif opcode is Opcode.TEXT:  # [MQTT-6.0.0-1] [MQTT3-6.0.0-1]
                self._end(CloseCode.UNSUPPORTED_DATA, "MQTT comes in binary frames")
            elif opcode is not Opcode.CLOSE:
                self._spend()
            if self._is_over:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _spend(self) -> None:
        """Frames without MQTT in them cost work and answers: few are enough for everybody."""
        now_s = self._clock.monotonic_s()
        grown = self._allowance + (now_s - self._allowed_s) * CONTROL_FRAMES_PER_S
        self._allowance = min(float(CONTROL_FRAMES), grown) - 1.0
        self._allowed_s = now_s
        if self._allowance < 0 or self._is_behind:
            self._end(CloseCode.POLICY_VIOLATION, "too many control frames")

    def _end(self, code: CloseCode, detail: str) -> None:
        if self._ws.state is State.OPEN:
            self._ws.fail(code, detail)
        self._fail(detail)

    def _fail(self, detail: str) -> None:
        """The peer broke RFC 6455 or MQTT's use of it."""
        self._is_over = True
        code = self._ws.close_sent.code if self._ws.close_sent is not None else 0
        self._refusals.add("ws", f"closed_{code}")
        self._send_out()
        self._below.close()
        self._above.fail(Violation(ReasonCode.PROTOCOL_ERROR, f"WebSocket: {detail}"))

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        self._is_behind = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer took what was written."""
        self._is_behind = False
        super().resume_writing()

    def _send_out(self) -> None:
        """Write what the library wants written; its empty piece means "close"."""
        pieces = self._ws.data_to_send()
        if pieces:
            if data := b"".join(pieces):
                self._below.write(data)
            if not all(pieces):
                self._below.close()

    # -- transport of what is above ----------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Everything of a flush in one frame."""
        if self._ws.state is State.OPEN and not self._below.is_closing():
            self._ws.send_binary(data)
            self._send_out()

    def write_eof(self) -> None:
        """Say goodbye; what the peer sends before its answer is handed on."""
        self.close()

    def close(self) -> None:
        """Say goodbye; the peer's answer closes, or whoever closed loses patience and aborts."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(CloseCode.NORMAL_CLOSURE)
            self._send_out()
            if self._is_paused:
                self.resume_reading()
        elif self._ws.state is not State.CLOSING:
            super().close()
