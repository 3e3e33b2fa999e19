"""Dialogs that change a cluster: name and switches, tags, specification, and its deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from clusters.forms import (
    DeleteInstanceForm,
    DescribeProductSKUListForm,
    ModifyInstanceForm,
    ModifyInstanceTagsForm,
)
from clusters.skus import MOVES, Sku
from clusters.tab_parts import dialog_context, form_dialog
from clusters.tag_rows import TagRows
from console.core.actors import Actor
from console.core.fields import TagsField
from console.core.forms import ActionForm, keep_fields
from console.core.pages import PageRequest, form_data, page, perform

TAB = "basic"
"""The tab behind a dialog that stands in a page of its own."""


class EditClusterForm(ModifyInstanceForm):
    """Name, description and switches; a switch that is not ticked is off."""

    is_abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keep_fields(self, "instance_id", "name", "remark", "message_rate")
        self.fields["name"].required = True
        for name, label in (
            ("authorization_policy", _("Authorization policies decide what clients may do")),
            ("auto_create_topics", _("Create topics by first use")),
            ("delete_protect", _("Deletion protection")),
        ):
            self.fields[name] = forms.BooleanField(label=label, required=False)


class ResizeClusterForm(ModifyInstanceForm):
    """Another specification."""

    is_abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keep_fields(self, "instance_id", "sku_code")
        self.fields["sku_code"].required = True


class ClusterTagsForm(ModifyInstanceTagsForm):
    """The tags as rows of key and value."""

    is_abstract = True
    tag_list = TagsField(label=gettext_lazy("Tags"), widget=TagRows())


class DeleteClusterForm(DeleteInstanceForm):
    """The action's form with the name typed as a second yes (CONTRACT C29)."""

    is_abstract = True
    confirmation = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def clean(self) -> dict[str, Any]:
        """Refuse when the name was not typed; checked here too, because scripts may be off."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("confirmation") != self.name:
            raise ValidationError(
                _('Nothing was deleted. Type the name of the cluster, "%(name)s", to delete it.'),
                params={"name": self.name},
            )
        return cleaned

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes."""
        given = super().arguments(actor)
        given.pop("confirmation", None)
        return given


@require_http_methods(["GET", "HEAD", "POST"])
@page
def cluster_edit(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Name, description, and the switches of a cluster."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="clusters/_edit.html")
    cluster = context["cluster"]
    form = EditClusterForm(
        form_data(request, instance_id=cluster_id),
        initial={
            "name": cluster.name,
            "remark": cluster.remark,
            "message_rate": cluster.message_rate,
            "authorization_policy": cluster.authorization_enabled,
            "auto_create_topics": cluster.auto_create_topics,
            "delete_protect": cluster.delete_protection,
        },
    )
    return _answer(request, form, context, done=_("The changes are saved."))


@require_http_methods(["GET", "HEAD", "POST"])
@page
def cluster_tags(request: PageRequest, cluster_id: str) -> HttpResponse:
    """All tags of a cluster at once (CONTRACT C11, C15)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="clusters/_tags.html")
    form = ClusterTagsForm(
        form_data(request, instance_id=cluster_id),
        initial={"tag_list": {tag.key: tag.value for tag in context["cluster"].tags.all()}},
    )
    return _answer(request, form, context, done=_("The tags are saved."))


@require_http_methods(["GET", "HEAD", "POST"])
@page
def cluster_resize(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Another specification, of those that this edition can become (CONTRACT C34–C36)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="clusters/_resize.html")
    cluster = context["cluster"]
    skus: tuple[Sku, ...] = perform(request, DescribeProductSKUListForm, {})
    form = ResizeClusterForm(
        form_data(request, instance_id=cluster_id), initial={"sku_code": cluster.sku_code}
    )
    offer = {
        "skus": [sku for sku in skus if (cluster.edition, sku.edition) in MOVES],
        "chosen": form["sku_code"].value(),
        "wide": True,
    }
    done = _("The specification is changed.")
    return _answer(request, form, {**context, **offer}, done=done)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def cluster_delete(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Delete a cluster, asked twice; what is still in it forbids it (CONTRACT C29–C31)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="clusters/_delete.html")
    form = DeleteClusterForm(
        form_data(request, instance_id=cluster_id), name=context["cluster"].name
    )
    return _answer(request, form, context, changed="")


def _answer(
    request: PageRequest,
    form: ActionForm,
    context: Mapping[str, Any],
    *,
    done: str = "",
    changed: str = "cluster-changed",
) -> HttpResponse:
    """The dialog, or the way to the cluster's page when its form was carried out."""
    return form_dialog(
        request,
        form,
        context,
        then=lambda cluster: reverse("cluster-detail", args=[cluster.public_id]),
        done=done,
        changed=changed,
    )
