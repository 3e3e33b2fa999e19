"""The HTTP status of each refusal of the control API."""

from __future__ import annotations

from http import HTTPStatus

STATUS: dict[str, HTTPStatus] = {
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "malformed": HTTPStatus.BAD_REQUEST,
    "contract_version": HTTPStatus.BAD_REQUEST,
    "unknown": HTTPStatus.NOT_FOUND,
    "not_found": HTTPStatus.NOT_FOUND,
    "standalone": HTTPStatus.CONFLICT,
    "revision_conflict": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "invalid_topic": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_ready": HTTPStatus.SERVICE_UNAVAILABLE,
    "storage": HTTPStatus.SERVICE_UNAVAILABLE,
    "snapshot": HTTPStatus.CONFLICT,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""HTTP status of each refusal code; a code that is not here answers 409."""


def status_of(code: str) -> int:
    """The HTTP status of a refusal code."""
    return STATUS.get(code, HTTPStatus.CONFLICT).value
