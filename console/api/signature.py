"""TC3-HMAC-SHA256 as the official SDKs sign it.

Pure: a request as values in, an answer out. The scheme has no nonce, so equal requests within one
second are all valid; and the SDKs sign only ``content-type`` and ``host``, so that the action's
name is covered only by TLS. Source: the SDK's ``AbstractClient._get_tc3_signature``, and
https://cloud.tencent.com/document/api/1778/112034 for what it leaves out.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

ALGORITHM = "TC3-HMAC-SHA256"
TERMINATOR = "tc3_request"
REQUIRED_HEADERS = ("content-type", "host")
UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"
WINDOW_S = 300
"""How far a request's time may be from ours, either way."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=([\w-]{{1,64}})/(\d{{4}}-\d\d-\d\d)/([a-z0-9]{{1,32}})/{TERMINATOR}"
    r" *,"
    r" *SignedHeaders=([a-z0-9;-]{1,512}) *, *Signature=([0-9a-f]{64})",
    re.ASCII,
)


class AuthorizationInvalid(ValueError):
    """The ``Authorization`` header cannot be read; the message says what it must look like."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of the ``Authorization`` header."""

    secret_id: str
    date: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What is signed. ``headers`` by lower-case name; ``timestamp_s`` as its header says it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    timestamp_s: int


def parse_authorization(header: str) -> Authorization:
    """Read the header; raise ``AuthorizationInvalid`` when it is not of this scheme."""
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise AuthorizationInvalid(
            f"{ALGORITHM} Credential=SecretId/date/service/{TERMINATOR}, "
            "SignedHeaders=content-type;host, Signature=64 hex digits"
        )
    secret_id, date, service, names, signature = match.groups()
    signed = tuple(names.split(";"))
    missing = [name for name in REQUIRED_HEADERS if name not in signed]
    if missing or len(set(signed)) != len(signed) or "" in signed:
        raise AuthorizationInvalid("SignedHeaders=content-type;host and other headers, each once")
    return Authorization(secret_id, date, service, signed, signature)


def is_in_time(authorization: Authorization, timestamp_s: int, *, now_s: float) -> bool:
    """Whether the time is ours to within ``WINDOW_S`` and the credential's date is its UTC date."""
    if abs(now_s - timestamp_s) > WINDOW_S:
        return False
    moment = datetime.datetime.fromtimestamp(timestamp_s, datetime.UTC)
    return authorization.date == moment.strftime("%Y-%m-%d")


def is_signed(request: SignedRequest, authorization: Authorization, secret_key: str) -> bool:
    """Whether the signature is that of the key over the request, compared in constant time.

    The documentation signs header values in lower case, the Python SDK as they are sent; both are
    signatures of the same request.
    """
    matches = [
        hmac.compare_digest(
            signature_of(request, authorization, secret_key, lower=lower), authorization.signature
        )
        for lower in (False, True)
    ]
    return any(matches)


def signature_of(
    request: SignedRequest, authorization: Authorization, secret_key: str, *, lower: bool
) -> str:
    """The signature in hex that ``request`` must carry; ``lower`` = header values in lower case."""
    scope = f"{authorization.date}/{authorization.service}/{TERMINATOR}"
    canonical = hashlib.sha256(_canonical(request, authorization.signed_headers, lower=lower))
    text = f"{ALGORITHM}\n{request.timestamp_s}\n{scope}\n{canonical.hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (authorization.date, authorization.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def _canonical(request: SignedRequest, signed_headers: tuple[str, ...], *, lower: bool) -> bytes:
    values = ((name, request.headers.get(name, "").strip()) for name in signed_headers)
    lines = "".join(f"{name}:{value.lower() if lower else value}\n" for name, value in values)
    unsigned = request.headers.get("x-tc-content-sha256") == UNSIGNED_PAYLOAD.decode()
    payload = UNSIGNED_PAYLOAD if unsigned else request.body
    parts = (
        request.method,
        request.path,
        request.query,
        lines,
        ";".join(signed_headers),
        hashlib.sha256(payload).hexdigest(),
    )
    return "\n".join(parts).encode()
