"""What the pages under a cluster's tabs share: dialogs at addresses of their own, and reads that
the runtime may be unable to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.http import HttpResponse

from clusters.forms import DescribeInstanceForm
from clusters.frame import Abilities, cluster_frame
from clusters.resources import resource_of
from clusters.selectors import InstanceDetails
from console.core.errors import ActionError
from console.core.forms import ActionForm
from console.core.pages import PageRequest, perform, show, submit, wants_part

TEMPLATE = "clusters/tab_dialog.html"
FIXED = ("instance_id",)
MOST_OFFSET = 1_000_000
"""Beyond it the forms of list actions refuse."""
OBSTACLES = frozenset({409, 429, 503})
"""Statuses that say "not now": the runtime is away, or the cluster does not run."""


def dialog_context(
    request: PageRequest, cluster_id: str, *, tab: str, dialog: str
) -> dict[str, Any]:
    """What a dialog needs: ``cluster`` and ``may``; with the frame around it when it is a page of
    its own.

    Args:
        tab: Name in ``clusters.frame.TABS``.
        dialog: Template of the dialog.
    """
    if not wants_part(request):
        return {**cluster_frame(request, cluster_id, tab=tab), "dialog": dialog}
    details: InstanceDetails = perform(request, DescribeInstanceForm, {"InstanceId": cluster_id})
    may = Abilities(request.actor, resource_of(details.cluster))
    return {"cluster": details.cluster, "details": details, "may": may, "dialog": dialog}


def show_dialog(request: PageRequest, context: Mapping[str, Any], **shown: Any) -> HttpResponse:
    """The dialog of ``dialog_context``, alone or in its page."""
    return show(request, TEMPLATE, {**context, **shown}, part=context["dialog"])


def form_dialog(
    request: PageRequest,
    form: ActionForm,
    context: Mapping[str, Any],
    *,
    fixed: tuple[str, ...] = (),
    then: str | Callable[[Any], str],
    done: str,
    changed: str,
) -> HttpResponse:
    """Show the form in its dialog; once sent, perform it as ``console.core.pages.submit`` says.

    Args:
        context: Of ``dialog_context``.
        fixed: Fields beside the cluster that the address decides.
    """
    hide(form, *FIXED, *fixed)
    if request.method != "POST":
        return show_dialog(request, context, form=form)
    return submit(
        request,
        form,
        TEMPLATE,
        context,
        part=context["dialog"],
        then=then,
        done=done,
        changed=changed,
    )


def hide(form: ActionForm, *names: str) -> None:
    """Fields that nobody fills in; what is wrong with them then stands at the top of the form."""
    for name in names:
        form.fields[name].widget = forms.HiddenInput()


def table_parameters(
    cluster_id: str, offset: int, limit: int, *, search: str, by: str
) -> dict[str, Any]:
    """Parameters of a list action for one page of a table; ``by``: the filter that searches."""
    parameters: dict[str, Any] = {
        "InstanceId": cluster_id,
        "Offset": min(offset, MOST_OFFSET),
        "Limit": limit,
    }
    if search:
        parameters["Filters"] = [{"Name": by, "Values": [search]}]
    return parameters


def read(
    request: PageRequest, form: type[ActionForm], parameters: Mapping[str, Any], *, instead: Any
) -> tuple[Any, ActionError | None]:
    """What an action reads from the runtime, or ``instead`` and why: a page stands without it.

    Raises:
        ActionError: waiting would not help: the reader may not read it, or there is no such thing.
    """
    try:
        return perform(request, form, parameters), None
    except ActionError as error:
        if error.status not in OBSTACLES:
            raise
        return instead, error
