"""Form parts that every action on a cluster shares."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from clusters.resources import find_cluster
from console.core.actors import Actor
from console.core.forms import ActionForm


class ClusterActionForm(ActionForm):
    """Form of an action on one cluster: ``InstanceId`` becomes the ``cluster`` argument."""

    is_abstract = True

    instance_id = forms.CharField(label=_("Cluster ID"), max_length=64)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """The cluster, looked up in the actor's account, and the other fields."""
        given = super().arguments(actor)
        return {"cluster": find_cluster(actor, given.pop("instance_id")), **given}


class ListField(forms.Field):
    """A list of JSON objects whose content nobody looks into."""

    json_types: ClassVar[tuple[type, ...]] = (list,)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class NumberTextField(forms.IntegerField):
    """A whole number that the SDK sends as text (``DescribeClientList.Number``)."""

    json_types: ClassVar[tuple[type, ...]] = (str, int)
