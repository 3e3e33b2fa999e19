"""Every refusal of the product: few classes, each with the cloud API's dotted code, a status and a
field.

Raised by actions, forms and the gate; turned into an answer in exactly two places, the form view
and the API view.
"""

from __future__ import annotations

from typing import ClassVar


class ActionError(Exception):
    """A refusal that its receiver can act on.

    Args:
        message: What was wrong, where, and what to do, for a person; already translated.
        code: Dotted machine code; the class's own when empty.
        field: Form field (snake case) that is to blame; empty when none is.
    """

    code: ClassVar[str] = "FailedOperation"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, code: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.full_code = code or self.code
        self.field = field


class MissingParameter(ActionError):
    """A required parameter is not there."""

    code = "MissingParameter"


class UnknownParameter(ActionError):
    """A parameter that the action does not have."""

    code = "UnknownParameter"


class InvalidParameter(ActionError):
    """A parameter of the wrong type."""

    code = "InvalidParameter"


class InvalidParameterValue(ActionError):
    """A parameter of the right type with a value that is not allowed."""

    code = "InvalidParameterValue"


class UnauthorizedOperation(ActionError):
    """The actor lacks the right."""

    code = "UnauthorizedOperation"
    status = 403


class AuthFailure(ActionError):
    """The caller did not prove who it is."""

    code = "AuthFailure"
    status = 401


class ResourceNotFound(ActionError):
    """The named thing does not exist, or belongs to another account."""

    code = "ResourceNotFound"
    status = 404


class ResourceInUse(ActionError):
    """Something still depends on the thing."""

    code = "ResourceInUse"
    status = 409


class OperationDenied(ActionError):
    """The state of the thing forbids it now."""

    code = "OperationDenied"
    status = 409


class AlreadyExists(ActionError):
    """A thing of that name is there already."""

    code = "UnsupportedOperation.ResourceAlreadyExists"
    status = 409


class LimitExceeded(ActionError):
    """A quota of the specification is used up."""

    code = "LimitExceeded"
    status = 409


class FailedOperation(ActionError):
    """The operation could not be completed."""

    code = "FailedOperation"
    status = 409


class RequestLimitExceeded(ActionError):
    """Too many requests; try again later."""

    code = "RequestLimitExceeded"
    status = 429


class UnsupportedOperation(ActionError):
    """A parameter combination that this installation cannot serve."""

    code = "UnsupportedOperation"


class ResourceUnavailable(ActionError):
    """A part that is needed (the runtime of a cluster) does not answer now."""

    code = "ResourceUnavailable"
    status = 503
