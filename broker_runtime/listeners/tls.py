"""TLS on the server's side, over memory buffers: one object per connection, no task, no socket.

The transports of asyncio and uvloop make the same calls of the ssl module; here they are under our
own roof because a connection must be admitted, timed and counted from its first byte on, a refused
handshake must say why, and an idle connection must cost little (ADR 0012).
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import Any

from broker_runtime.contract.configuration import Certificate, TlsVersion
from broker_runtime.listeners.layer import Layer, Refusals, Upper

_RECORD_BYTES = 16 * 1024
"""Most that one TLS record holds (RFC 8446 §5.1)."""

VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_LEGACY = ("1.0", "1.1")


class CertificateInvalid(ValueError):
    """A certificate cannot be used; the message names it and says why, never what the key is."""


def server_context(
    certificate: Certificate, minimum: TlsVersion, maximum: TlsVersion
) -> ssl.SSLContext:
    """What new handshakes of a listener use. Blocks: it writes a file for a moment.

    Raises:
        CertificateInvalid: chain and key do not belong together, or cannot be read.
    """
    if minimum > maximum:
        raise CertificateInvalid(f"TLS versions {minimum} to {maximum}: the range is empty")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if minimum in _LEGACY:
        # OpenSSL 3 keeps the signatures of these versions for its lowest level.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the operator decides (CONTRACT X12)
        context.maximum_version = VERSIONS[maximum]
        context.minimum_version = VERSIONS[minimum]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        _load(context, certificate)
    except ssl.SSLError as error:
        why = (error.reason or "it is not PEM of a certificate chain and its key").lower()
        raise CertificateInvalid(
            f"certificate {certificate.name!r}: {why.replace('_', ' ')}"
        ) from None
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """The ssl module reads certificates from files only; these are private and gone at once."""
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        chain, key = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        for path, text in ((chain, certificate.chain), (key, certificate.key)):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        # A key with a passphrase fails; without the argument OpenSSL would ask the terminal.
        context.load_cert_chain(chain, key, password=lambda: "")


class TlsLayer(Layer):
    """Decrypts what comes and encrypts what goes.

    Args:
        above: what gets the plain bytes.
        context: certificate and versions of this handshake.
    """

    __slots__ = ("_incoming", "_outgoing", "_said_goodbye", "_tls")

    def __init__(self, above: Upper, context: ssl.SSLContext, refusals: Refusals) -> None:
        super().__init__(above, "tls", refusals)
        self._said_goodbye = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def data_received(self, data: bytes) -> None:
        """Records came."""
        if self._said_goodbye:
            self._above.data_received(data)  # whoever closed counts it and does not look into it
            return
        self._incoming.write(data)
        if self._is_open or self._is_through():
            self._deliver()
            self._give_way(len(data))

    def _is_through(self) -> bool:
        """Go on with the handshake; whether it is done."""
        if self._is_refused:
            return False
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_out()
            return False
        except ssl.SSLError as error:
            self._send_out()
            reason = (error.reason or "other").lower()
            self._refuse(reason, f"TLS handshake: {reason.replace('_', ' ')}")
            return False
        self._is_open = True
        self._send_out()
        return True

    def _deliver(self) -> None:
        pieces: list[bytes] = []
        is_over = False
        try:
            while True:
                piece = self._tls.read(_RECORD_BYTES)
                if not piece:
                    is_over = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            is_over = True
        if self._outgoing.pending:
            self._send_out()  # an answer to a key update, or an alert
        if pieces:
            self._above.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if is_over:
            self._below.close()

    def _send_out(self) -> None:
        data = self._outgoing.read()
        if data:
            self._below.write(data)

    # -- transport of what is above ----------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``ssl_object`` and ``peercert`` besides what the socket knows."""
        if name == "ssl_object":
            return self._tls
        if name == "peercert":
            return self._tls.getpeercert() if self._is_open else default
        return super().get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if not self._is_open or self._said_goodbye or self._below.is_closing():
            return
        try:
            done, size = self._tls.write(data), len(data)
            if done < size:
                rest = memoryview(data)
                while done < size:
                    done += self._tls.write(rest[done:])
        except ssl.SSLError:
            self._below.abort()
            return
        self._send_out()

    def write_eof(self) -> None:
        """Tell the peer (close_notify) and end our half of the TCP connection."""
        self._say_goodbye()
        if not self._below.is_closing():
            self._below.write_eof()

    def close(self) -> None:
        """Tell the peer (close_notify), then close."""
        self._say_goodbye()
        super().close()

    def _say_goodbye(self) -> None:
        if self._is_open and not self._said_goodbye and not self._below.is_closing():
            self._said_goodbye = True
            with contextlib.suppress(ssl.SSLError):  # the peer's answer is not waited for
                self._tls.unwrap()
            self._send_out()
