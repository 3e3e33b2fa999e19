"""The HTTP server of the control API: who may ask, how much, in which version.

Every answer is JSON, every refusal a ``Refusal``; ``docs/control-api.md`` describes it for people.
It is bound to a loopback or private address (SECURITY C21).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, TypeVar

import msgspec
from aiohttp import web

from broker_runtime.broker.errors import Refused
from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION
from broker_runtime.contract.commands import Refusal
from broker_runtime.contract.configuration import (
    Configuration,
    ConfigurationApplied,
    ConfigurationChange,
)
from broker_runtime.control.dispatch import Dispatch, Handler
from broker_runtime.control.prometheus import CONTENT_TYPE
from broker_runtime.control.statuses import status_of

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""A message of 4 MiB is 5.4 MiB in base64."""
MAX_CONFIGURATION_BYTES = 64 * 1024 * 1024
"""About 400,000 users."""
BODY_TIMEOUT_S = 30.0
_OPEN_PATHS = ("/v1/health", "/v1/ready")
_VERSIONED = ("/v1/configuration", "/v1/command/", "/v1/query/")

Probe = Callable[[], str]
"""Why the node is not well; empty when it is."""
T = TypeVar("T", bound=msgspec.Struct)
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConfigurationTaker(Protocol):
    """What keeps the configuration of the node; each raises ``Refused``."""

    async def apply(self, configuration: Configuration) -> ConfigurationApplied:
        """Take whole sections in."""
        ...

    async def change(self, change: ConfigurationChange) -> ConfigurationApplied:
        """Take a change of entries in."""
        ...


class ControlApi:
    """Serves the control API on one address.

    Args:
        token: what a caller must show as ``Authorization: Bearer``.
        configuration: takes configurations and changes in.
        health: whether the process can keep what it acknowledges.
        ready: whether it serves MQTT as configured.
        metrics: Prometheus text of now.
    """

    def __init__(
        self,
        *,
        token: str,
        dispatch: Dispatch,
        configuration: ConfigurationTaker,
        health: Probe,
        ready: Probe,
        metrics: Callable[[], str],
    ) -> None:
        self._token = token.encode()
        self._dispatch = dispatch
        self._configuration = configuration
        self._health = health
        self._ready = ready
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen, with ``tls`` by HTTPS; raises ``OSError`` when the address is taken."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, reuse_address=True, ssl_context=tls)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening; requests under way get a second to finish."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def application(self) -> web.Application:
        """The routes, behind the one middleware that lets in and turns refusals into answers."""
        application = web.Application(middlewares=[self._frame])
        application.on_response_prepare.append(_mark)
        application.router.add_put("/v1/configuration", self._put_configuration)
        application.router.add_patch("/v1/configuration", self._patch_configuration)
        application.router.add_post("/v1/command/{name}", self._command)
        application.router.add_post("/v1/query/{name}", self._query)
        application.router.add_get("/v1/health", self._get_health)
        application.router.add_get("/v1/ready", self._get_ready)
        application.router.add_get("/metrics", self._get_metrics)
        return application

    @web.middleware
    async def _frame(self, request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            if request.path not in _OPEN_PATHS:
                self._let_in(request)
            return await handler(request)
        except Refused as refused:
            return _refusal(status_of(refused.code), refused.code, refused.message)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "body: too long")
        except web.HTTPException as error:
            return _refusal(error.status, "unknown", f"no {request.method} at this path")
        except Exception:
            logger.exception(
                "control_request_failed method=%s path=%s", request.method, request.path
            )
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "see the log of the node")

    def _let_in(self, request: web.Request) -> None:
        """Check the token (constant time, in the header only), then the contract version."""
        shown = request.headers.get("Authorization", "")
        scheme, _, token = shown.partition(" ")
        given = token.encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            raise Refused("unauthorized", "Authorization: the token of this node expected")
        if request.path.startswith(_VERSIONED):
            version = request.headers.get(CONTRACT_HEADER, "")
            if version != str(CONTRACT_VERSION):
                raise Refused("contract_version", f"{CONTRACT_HEADER}: {CONTRACT_VERSION} expected")

    async def _put_configuration(self, request: web.Request) -> web.Response:
        body = await _body(request, MAX_CONFIGURATION_BYTES)
        return _answer(await self._configuration.apply(_decoded(body, Configuration)))

    async def _patch_configuration(self, request: web.Request) -> web.Response:
        body = await _body(request, MAX_CONFIGURATION_BYTES)
        return _answer(await self._configuration.change(_decoded(body, ConfigurationChange)))

    async def _command(self, request: web.Request) -> web.Response:
        return await self._carry_out(request, self._dispatch.commands)

    async def _query(self, request: web.Request) -> web.Response:
        return await self._carry_out(request, self._dispatch.queries)

    async def _carry_out(
        self, request: web.Request, table: dict[str, tuple[type[msgspec.Struct], Handler]]
    ) -> web.Response:
        entry = table.get(request.match_info["name"])
        if entry is None:
            raise Refused("unknown", f"no such name; there are {', '.join(table)}")
        kind, handler = entry
        body = await _body(request, MAX_REQUEST_BYTES)
        return _answer(await handler(_decoded(body, kind)))

    async def _get_health(self, request: web.Request) -> web.Response:
        return _probe(self._health(), "ok", "degraded")

    async def _get_ready(self, request: web.Request) -> web.Response:
        return _probe(self._ready(), "ready", "not_ready")

    async def _get_metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE}
        return web.Response(body=self._metrics().encode(), headers=headers)


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; ``Server`` would tell versions to whoever asks."""
    response.headers[CONTRACT_HEADER] = str(CONTRACT_VERSION)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "signalbox"


async def _body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body, read no further than the limit and for no longer than ``BODY_TIMEOUT_S``."""
    if request.content_length is not None and request.content_length > limit_bytes:
        raise Refused("too_large", f"body: at most {limit_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit_bytes:
                    raise Refused("too_large", f"body: at most {limit_bytes} bytes")
    except TimeoutError:
        raise Refused("malformed", f"body: not complete after {BODY_TIMEOUT_S:g} s") from None
    except web.RequestPayloadError:
        raise Refused("malformed", "body: its framing or compression is broken") from None
    return bytes(body)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`")
        raise Refused("malformed", f"{field}: {text}" if field else text) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed", "body: not JSON") from None


def _answer(value: msgspec.Struct) -> web.Response:
    return _json(HTTPStatus.OK, msgspec.json.encode(value))


def _refusal(status: int, code: str, message: str) -> web.Response:
    return _json(status, msgspec.json.encode(Refusal(code=code, message=message)))


def _probe(reason: str, well: str, unwell: str) -> web.Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
    return _json(
        status, msgspec.json.encode({"status": unwell if reason else well, "reason": reason})
    )


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=int(status), body=body, content_type="application/json")
