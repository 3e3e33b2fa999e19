"""The page that creates a cluster, and the part that shows how far its creation or deletion is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from clusters.forms import (
    CreateInstanceForm,
    DescribeInstanceProgressForm,
    DescribeProductSKUListForm,
    RetryCreateInstanceForm,
)
from clusters.frame import Abilities
from clusters.progress import steps_of
from clusters.resources import resource_of
from clusters.selectors import InstanceProgress
from clusters.skus import SUBSCRIPTIONS_PER_CONNECTION, Sku
from clusters.tag_rows import TagRows
from console.core.actors import Actor
from console.core.errors import ResourceNotFound
from console.core.fields import TagsField
from console.core.forms import keep_fields
from console.core.pages import PageRequest, form_data, lead_to, page, perform, show, submit

MAKING = ("CREATING", "CREATE_FAILURE")
ENDING = ("DELETING", "DELETE_FAILURE")
UNSETTLED = (*MAKING, *ENDING)
"""States in which a cluster's page shows a job instead of a broker."""
EDITION_NOTES = {
    "BASIC": gettext_lazy("For trying out and for small fleets: one specification."),
    "PRO": gettext_lazy("For production: throughput and connections in steps, more topics."),
    "PLATINUM": gettext_lazy("For the largest fleets: the highest limits of everything."),
}
_SKU_FIELD = "sku_"


class CreateClusterForm(CreateInstanceForm):
    """The action's form with one choice of specification for each edition, so that a choice made
    under another edition is never sent for this one.
    """

    is_abstract = True
    tag_list = TagsField(label=gettext_lazy("Tags"), widget=TagRows())

    def __init__(self, *args: Any, skus: tuple[Sku, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keep_fields(
            self, "name", "instance_type", "remark", "tag_list", "region", "allow_everything"
        )
        self.fields["region"].required = True
        for edition, offered in _by_edition(skus).items():
            self.fields[_SKU_FIELD + edition] = forms.ChoiceField(
                label=_("TPS specification"),
                choices=[(sku.code, sku.code) for sku in offered],
                initial=next((sku.code for sku in offered if sku.on_sale), ""),
                required=False,
            )

    def clean(self) -> dict[str, Any]:
        """The specification chosen under the chosen edition is required."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = _SKU_FIELD + cleaned.get("instance_type", "")
        if name in self.fields and name not in self.errors and not cleaned.get(name):
            self.add_error(name, _("Choose a specification."))
        return cleaned

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes."""
        given = super().arguments(actor)
        chosen = given.get(_SKU_FIELD + given["instance_type"], "")
        plain = {name: value for name, value in given.items() if not name.startswith(_SKU_FIELD)}
        return {**plain, "sku_code": chosen}


@require_http_methods(["GET", "HEAD", "POST"])
@page
def cluster_create(request: PageRequest) -> HttpResponse:
    """Everything on one page, with a summary; the new cluster's page then shows its creation."""
    skus: tuple[Sku, ...] = perform(request, DescribeProductSKUListForm, {})
    data = form_data(request)
    if data is None and request.GET:
        data = request.GET.copy()  # Only for the summary of what is being filled in.
    form = CreateClusterForm(data, skus=skus, initial={"instance_type": "BASIC"})
    context = {"form": form, "editions": _editions(form, skus), "summary": _summary(form, skus)}
    template, part = "clusters/create.html", "clusters/_create_summary.html"
    if request.method != "POST":
        return show(request, template, context, part=part)
    return submit(
        request,
        form,
        template,
        context,
        then=lambda cluster: reverse("cluster-detail", args=[cluster.public_id]),
    )


@require_GET
@page
def cluster_progress(request: PageRequest, cluster_id: str) -> HttpResponse:
    """How far the creation or deletion is; leads on when it is over."""
    try:
        context = progress_context(request, cluster_id)
    except ResourceNotFound:
        if not request.htmx:
            raise
        messages.info(request, _("Cluster %(id)s is deleted.") % {"id": cluster_id[:64]})
        return lead_to(request, "cluster-list")
    if context["cluster"].state not in UNSETTLED:
        return lead_to(request, reverse("cluster-detail", args=[cluster_id]))
    return show(request, "clusters/_progress.html", context)


def progress_context(request: PageRequest, cluster_id: str) -> dict[str, Any]:
    """What ``clusters/_progress.html`` needs."""
    progress: InstanceProgress = perform(
        request, DescribeInstanceProgressForm, {"InstanceId": cluster_id}
    )
    return {
        "cluster": progress.cluster,
        "job": progress.job,
        "steps": steps_of(progress.job),
        "is_ending": progress.cluster.state in ENDING,
        "may": Abilities(request.actor, resource_of(progress.cluster)),
    }


@require_POST
@page
def cluster_retry(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Try a failed creation again."""
    RetryCreateInstanceForm(form_data(request, instance_id=cluster_id)).perform(request.actor)
    return lead_to(request, reverse("cluster-detail", args=[cluster_id]))


def _by_edition(skus: tuple[Sku, ...]) -> dict[str, list[Sku]]:
    editions: dict[str, list[Sku]] = {}
    for sku in skus:
        editions.setdefault(sku.edition, []).append(sku)
    return editions


def _chosen_edition(form: CreateClusterForm) -> str:
    chosen = form["instance_type"].value()
    return str(chosen) if chosen in EDITION_NOTES else ""


def _editions(form: CreateClusterForm, skus: tuple[Sku, ...]) -> list[dict[str, Any]]:
    """The cards of the editions, each with its specifications and the field that chooses one."""
    labels = dict(form.fields["instance_type"].choices)  # type: ignore[attr-defined]  # a ChoiceField
    return [
        {
            "value": edition,
            "label": labels[edition],
            "note": EDITION_NOTES[edition],
            "skus": offered,
            "field": form[_SKU_FIELD + edition],
            "chosen": form[_SKU_FIELD + edition].value(),
        }
        for edition, offered in _by_edition(skus).items()
    ]


def _summary(form: CreateClusterForm, skus: tuple[Sku, ...]) -> dict[str, Any]:
    """What would be created, as far as it is filled in; shows what was typed, checked or not."""
    edition = _chosen_edition(form)
    code = form[_SKU_FIELD + edition].value() if edition else ""
    sku = next((sku for sku in skus if sku.code == code), None)
    tags = form["tag_list"].value() or []
    return {
        "name": form["name"].value() or "",
        "sku": sku,
        "subscriptions": sku and SUBSCRIPTIONS_PER_CONNECTION * sku.connections,
        "edition": edition,
        "region": form["region"].value() or "",
        "tags": [{"key": tag["TagKey"], "value": tag["TagValue"]} for tag in tags],
        "allow_everything": bool(form["allow_everything"].value()),
    }
