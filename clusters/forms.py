"""Forms of the actions on clusters and their clients."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters import x509
from clusters.fields import ClusterActionForm, ListField, NumberTextField
from clusters.models import Cluster
from clusters.selectors import (
    MOST_CLIENTS,
    describe_client,
    describe_client_list,
    describe_ins_public_endpoints,
    describe_ins_vpc_endpoints,
    describe_instance,
    describe_instance_jobs,
    describe_instance_list,
    describe_instance_progress,
    describe_instance_runtime,
    describe_instance_totals,
    describe_product_sku_list,
)
from clusters.services.clients import kick_out_client
from clusters.services.instances import (
    create_instance,
    delete_instance,
    modify_instance_tags,
    retry_create_instance,
)
from clusters.services.specification import modify_instance
from console.core.actors import Actor
from console.core.errors import UnsupportedOperation
from console.core.fields import (
    FiltersField,
    TagFiltersField,
    TagsField,
    limit_field,
    name_validator,
    offset_field,
    remark_field,
)
from console.core.forms import ActionForm

MOST_LISTED = 100
MOST_MESSAGE_RATE = 1_000_000
MONTHS = (*range(1, 13), 24, 36, 48, 60)
PAY_MODES = ("POSTPAID", "PREPAID")
STATUSES = {*Cluster.State.values, "MAINTAINING", "MODIFY_FAILURE", "DESTROYED"}
"""``InstanceStatus`` of the API; clusters here are never in the last three."""
MOST_ID_BYTES = 65_535
"""Length of a client id [MQTT-1.5.4]."""
_LATEST_MS = 253_402_300_799_999
"""The last instant that a clock of four-digit years shows."""


def _name_field(*, required: bool) -> forms.CharField:
    """A cluster's name (CONTRACT C10)."""
    return forms.CharField(
        label=gettext_lazy("Cluster name"),
        required=required,
        max_length=64,
        strip=False,
        validators=[
            name_validator(
                r"[A-Za-z0-9_-]{3,64}",
                gettext_lazy('3 to 64 characters: only letters, digits, "-" and "_".'),
            )
        ],
    )


def _client_id_field(*, required: bool) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Client ID"), required=required, max_length=MOST_ID_BYTES, strip=False
    )


class DescribeProductSKUListForm(ActionForm):
    """Form of DescribeProductSKUList: it has no parameters."""

    function = staticmethod(describe_product_sku_list)


class CreateInstanceForm(ActionForm):
    """Form of CreateInstance.

    ``Region`` and ``AllowEverything`` are the console's own. What belongs to the public network, to
    VPCs and to subscriptions is read and refused, never ignored.
    """

    function = staticmethod(create_instance)

    name = _name_field(required=True)
    instance_type = forms.ChoiceField(
        label=gettext_lazy("Edition"), choices=Cluster.Edition.choices
    )
    sku_code = forms.CharField(label=gettext_lazy("TPS specification"), max_length=40)
    remark = remark_field()
    tag_list = TagsField(label=gettext_lazy("Tags"))
    region = forms.ChoiceField(
        label=gettext_lazy("Region"), choices=lambda: settings.REGIONS.items(), required=False
    )
    allow_everything = forms.BooleanField(
        label=gettext_lazy("Start with a policy that allows everything"), required=False
    )
    pay_mode = forms.IntegerField(
        label=gettext_lazy("Billing mode"), min_value=0, max_value=1, required=False
    )
    time_span = forms.IntegerField(label=gettext_lazy("Months"), required=False)
    renew_flag = forms.IntegerField(
        label=gettext_lazy("Renew automatically"), min_value=0, max_value=1, required=False
    )
    vpc_list = ListField(label=gettext_lazy("VPC"))
    enable_public = forms.BooleanField(label=gettext_lazy("Public network"), required=False)
    bandwidth = forms.IntegerField(
        label=gettext_lazy("Bandwidth (Mbps)"), min_value=0, required=False
    )
    ip_rules = ListField(label=gettext_lazy("Public security policy"))

    def clean_time_span(self) -> int | None:
        """One of the spans that can be bought; counts for subscriptions only."""
        months: int | None = self.cleaned_data["time_span"]
        if months is not None and months not in MONTHS:
            raise ValidationError(_("1 to 12, 24, 36, 48 or 60 months."))
        return months

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes; refuses what a later version brings."""
        given = super().arguments(actor)
        subscription = _("Subscriptions are not offered yet; leave PayMode out or give 0.")
        public = _("The public network is not offered yet; leave the parameter out.")
        vpc = _("Binding to a VPC is not offered yet; leave VpcList out.")
        for name, message in (
            ("pay_mode", subscription),
            ("enable_public", public),
            ("bandwidth", public),
            ("ip_rules", public),
            ("vpc_list", vpc),
        ):
            if given.pop(name, None):
                raise UnsupportedOperation(f"{self.api_name(name)}: {message}", field=name)
        for name in ("time_span", "renew_flag"):  # they speak of subscriptions, which were refused
            given.pop(name, None)
        return given


class RetryCreateInstanceForm(ClusterActionForm):
    """Form of RetryCreateInstance (the console's own)."""

    function = staticmethod(retry_create_instance)


class DescribeInstanceListForm(ActionForm):
    """Form of DescribeInstanceList."""

    function = staticmethod(describe_instance_list)

    filters = FiltersField(
        "InstanceName", "InstanceId", "InstanceStatus", "PayMode", "ExpiredBefore", "Keyword"
    )
    tag_filters = TagFiltersField()
    offset = offset_field()
    limit = limit_field(MOST_LISTED)

    def clean_filters(self) -> dict[str, list[str]]:
        """Every value is one that its filter knows."""
        filters: dict[str, list[str]] = self.cleaned_data["filters"]
        _require_known("InstanceStatus", filters, STATUSES)
        _require_known("PayMode", filters, PAY_MODES)
        for value in filters.get("ExpiredBefore", ()):
            if not (value.isascii() and value.isdecimal() and int(value) <= _LATEST_MS):
                raise ValidationError(_("ExpiredBefore: an instant in Unix milliseconds."))
        return filters

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """An empty page field counts as absent."""
        return _without_blanks(super().arguments(actor))


class DescribeInstanceTotalsForm(ActionForm):
    """Form of DescribeInstanceTotals (the console's own): it has no parameters."""

    function = staticmethod(describe_instance_totals)


class DescribeInstanceJobsForm(ActionForm):
    """Form of DescribeInstanceJobs (the console's own)."""

    function = staticmethod(describe_instance_jobs)

    limit = limit_field(MOST_LISTED)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """An empty page field counts as absent."""
        return _without_blanks(super().arguments(actor))


class DescribeInstanceForm(ClusterActionForm):
    """Form of DescribeInstance."""

    function = staticmethod(describe_instance)


class DescribeInstanceRuntimeForm(ClusterActionForm):
    """Form of DescribeInstanceRuntime (the console's own)."""

    function = staticmethod(describe_instance_runtime)


class DescribeInstanceProgressForm(ClusterActionForm):
    """Form of DescribeInstanceProgress (the console's own)."""

    function = staticmethod(describe_instance_progress)


class ModifyInstanceForm(ClusterActionForm):
    """Form of ModifyInstance; ``AutoCreateTopics`` and ``DeleteProtect`` are the console's own."""

    function = staticmethod(modify_instance)

    name = _name_field(required=False)
    remark = remark_field()
    sku_code = forms.CharField(
        label=gettext_lazy("TPS specification"), max_length=40, required=False
    )
    authorization_policy = forms.NullBooleanField(label=gettext_lazy("Authorization"))
    message_rate = forms.IntegerField(
        label=gettext_lazy("Messages per second of one client"),
        min_value=0,
        max_value=MOST_MESSAGE_RATE,
        required=False,
    )
    auto_create_topics = forms.NullBooleanField(label=gettext_lazy("Create topics by first use"))
    delete_protect = forms.NullBooleanField(label=gettext_lazy("Deletion protection"))
    x509_mode = forms.ChoiceField(
        label=gettext_lazy("X.509 mode"), choices=[(m, m) for m in x509.MODES], required=False
    )
    use_default_server_cert = forms.NullBooleanField(
        label=gettext_lazy("Default server certificate")
    )
    device_certificate_provision_type = forms.ChoiceField(
        label=gettext_lazy("Registration of client certificates"),
        choices=[(t, t) for t in x509.PROVISION_TYPES],
        required=False,
    )
    automatic_activation = forms.NullBooleanField(label=gettext_lazy("Activate automatically"))

    def clean_name(self) -> str:
        """A name may be left out, not taken away."""
        name: str = self.cleaned_data["name"]
        if not name and self.was_given("name"):
            raise ValidationError(_("3 to 64 characters: the name cannot be empty."))
        return name

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes; refuses a change of what a later version brings."""
        given = _without_blanks(super().arguments(actor))
        for name in self.fields:
            present = x509.DEFAULTS.get(self.api_name(name))
            if present is not None and given.pop(name, present) not in (present, ""):
                raise UnsupportedOperation(
                    _(
                        "%(name)s is %(present)s for every cluster; another value is not offered "
                        "yet."
                    )
                    % {"name": self.api_name(name), "present": present},
                    field=name,
                )
        return given


class ModifyInstanceTagsForm(ClusterActionForm):
    """Form of ModifyInstanceTags (the console's own)."""

    function = staticmethod(modify_instance_tags)

    tag_list = TagsField(label=gettext_lazy("Tags"))

    def clean_tag_list(self) -> dict[str, str]:
        """All tags are replaced, so leaving the list out would take them all away by accident."""
        if not self.was_given("tag_list"):
            raise ValidationError(
                _("The list is required; an empty one removes all tags."), code="required"
            )
        tags: dict[str, str] = self.cleaned_data["tag_list"]
        return tags


class DeleteInstanceForm(ClusterActionForm):
    """Form of DeleteInstance."""

    function = staticmethod(delete_instance)


class DescribeInsVPCEndpointsForm(ClusterActionForm):
    """Form of DescribeInsVPCEndpoints."""

    function = staticmethod(describe_ins_vpc_endpoints)


class DescribeInsPublicEndpointsForm(ClusterActionForm):
    """Form of DescribeInsPublicEndpoints."""

    function = staticmethod(describe_ins_public_endpoints)


class DescribeClientListForm(ClusterActionForm):
    """Form of DescribeClientList."""

    function = staticmethod(describe_client_list)

    client_id = _client_id_field(required=False)
    number = NumberTextField(
        label=gettext_lazy("Number"), min_value=1, max_value=MOST_CLIENTS, required=False
    )
    online_status = forms.IntegerField(
        label=gettext_lazy("Connection"), min_value=0, max_value=2, required=False
    )
    max_timestamp = forms.IntegerField(
        label=gettext_lazy("Before"), min_value=0, max_value=_LATEST_MS, required=False
    )

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """An empty page field counts as absent."""
        return _without_blanks(super().arguments(actor))


class DescribeClientForm(ClusterActionForm):
    """Form of DescribeClient (the console's own)."""

    function = staticmethod(describe_client)

    client_id = _client_id_field(required=True)


class KickOutClientForm(ClusterActionForm):
    """Form of KickOutClient."""

    function = staticmethod(kick_out_client)

    client_id = _client_id_field(required=True)
    delete_session = forms.BooleanField(label=gettext_lazy("Delete the session"), required=False)


def _without_blanks(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _require_known(
    name: str, filters: dict[str, list[str]], known: set[str] | tuple[str, ...]
) -> None:
    for value in filters.get(name, ()):
        if value not in known:
            raise ValidationError(
                _("%(name)s: %(value)s is unknown; known: %(known)s."),
                params={"name": name, "value": value[:40], "known": ", ".join(sorted(known))},
            )
