"""From an action's name and JSON parameters to its response: for the API and the command line."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.core.actions import REGISTRY
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.forms import FORMS
from console.core.payloads import payload_of

logger = logging.getLogger(__name__)


class InvalidAction(ActionError):
    """No such action, or none for callers from outside."""

    code = "InvalidAction"
    status = 404


class InternalError(ActionError):
    """The product's own fault; details are in the log under the request id."""

    code = "InternalError"
    status = 500


def dispatch(actor: Actor, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Perform an action through its form and the gate; return its response without ``RequestId``.

    Raises:
        ActionError: the refusal; ``InternalError`` for what was not the caller's fault.
    """
    record, form = REGISTRY.get(action), FORMS.get(action)
    if record is None or record.internal or form is None:
        raise InvalidAction(
            _("There is no action %(name)s in this version.") % {"name": action[:80]}
        )
    try:
        return payload_of(action, actor, form.from_parameters(parameters).perform(actor))
    except ActionError:
        raise
    except Exception as error:
        logger.exception("action failed action=%s request_id=%s", action, actor.request_id)
        raise InternalError(
            _("An internal error occurred. The log names it under the request id.")
        ) from error


def answer(request_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope of a response."""
    return {"Response": {**payload, "RequestId": request_id}}


def refusal(request_id: str, error: ActionError) -> dict[str, Any]:
    """The envelope of an error."""
    return {
        "Response": {
            "Error": {"Code": error.full_code, "Message": error.message},
            "RequestId": request_id,
        }
    }
