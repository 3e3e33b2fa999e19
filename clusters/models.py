"""Clusters, their nodes and endpoints; the cloud API calls a cluster ``Instance``."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clusters.skus import SUBSCRIPTIONS_PER_CONNECTION


class Cluster(models.Model):
    """An isolated MQTT broker with its own topics, users, policies and limits (CONTRACT C1)."""

    class Edition(models.TextChoices):
        """``InstanceType`` of the API (CONTRACT C5)."""

        BASIC = "BASIC", _("Basic")
        PRO = "PRO", _("Professional")
        PLATINUM = "PLATINUM", _("Platinum")

    class State(models.TextChoices):
        """``InstanceStatus`` of the API."""

        CREATING = "CREATING", _("Creating")
        RUNNING = "RUNNING", _("Running")
        MODIFYING = "MODIFYING", _("Modifying")
        ABNORMAL = "ABNORMAL", _("Abnormal")
        OVERDUE = "OVERDUE", _("Isolated")
        CREATE_FAILURE = "CREATE_FAILURE", _("Create failed")
        DELETING = "DELETING", _("Deleting")
        DELETE_FAILURE = "DELETE_FAILURE", _("Delete failed")

    public_id = models.CharField(max_length=32, unique=True)
    """``mqtt-`` and eight of ``a-z0-9``."""
    account_uin = models.CharField(max_length=20, db_index=True)
    name = models.CharField(max_length=64)
    edition = models.CharField(max_length=10, choices=Edition)
    sku_code = models.CharField(max_length=40)
    region = models.CharField(max_length=40)
    state = models.CharField(max_length=16, choices=State, default=State.CREATING)
    state_reason = models.TextField(blank=True)
    remark = models.CharField(max_length=128, blank=True)
    tps_limit = models.PositiveIntegerField()
    max_connections = models.PositiveIntegerField()
    max_topics = models.PositiveIntegerField()
    max_subscriptions_per_client = models.PositiveIntegerField()
    max_policies = models.PositiveIntegerField()
    authorization_enabled = models.BooleanField(default=True)
    auto_create_topics = models.BooleanField(default=True)
    message_rate = models.PositiveIntegerField(default=0)
    """Messages per second one client may send; 0 = no limit of its own (API ``MessageRate``)."""
    delete_protection = models.BooleanField(default=False)
    verifier_key = models.CharField(max_length=64)
    """Hex; keys the password verifiers that the runtime gets (DECISIONS 14)."""
    revision = models.PositiveBigIntegerField(default=1)
    """Desired configuration; grows with each change that the runtime must know."""
    section_revisions = models.JSONField(default=dict)
    """Section name → revision at which it last changed; an absent one is as old as the cluster."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def max_subscriptions(self) -> int:
        """Subscriptions = 30 × connections (CONTRACT C16)."""
        return SUBSCRIPTIONS_PER_CONNECTION * self.max_connections

    @property
    def is_serving(self) -> bool:
        """Whether its runtime is meant to answer."""
        return self.state in (self.State.RUNNING, self.State.MODIFYING, self.State.ABNORMAL)


class ClusterTag(models.Model):
    """A key:value tag of a cluster (CONTRACT C11)."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=127)
    value = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("key",)
        constraints = (
            models.UniqueConstraint(fields=("cluster", "key"), name="one_value_per_tag_key"),
        )

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class Node(models.Model):
    """One runtime process. The supervisor reads this table by plain SQL: keep the column names
    (``console.supervisor``).
    """

    class DesiredState(models.TextChoices):
        """What the supervisor shall see to."""

        RUNNING = "running"
        STOPPED = "stopped"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="nodes")
    node_id = models.CharField(max_length=40, unique=True)
    cluster_public_id = models.CharField(max_length=32)
    control_host = models.CharField(max_length=64)
    control_port = models.PositiveIntegerField(unique=True)
    desired_state = models.CharField(
        max_length=8, choices=DesiredState, default=DesiredState.RUNNING
    )
    applied_revision = models.PositiveBigIntegerField(default=0)
    applied_at = models.DateTimeField(null=True)
    obstacle = models.TextField(blank=True)
    """Why the newest configuration could not be applied, in English (pages translate it); empty
    when nothing is in the way.
    """
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("node_id",)

    def __str__(self) -> str:
        return self.node_id


class Endpoint(models.Model):
    """An address that MQTT clients connect to (CONTRACT C23, C24; DECISIONS 10)."""

    class Kind(models.TextChoices):
        """``Type`` of the API."""

        TCP = "mqtt-tcp"
        TLS = "mqtt-tls"
        WS = "mqtt-ws"
        WSS = "mqtt-wss"

    class Scope(models.TextChoices):
        """Private network or public."""

        PRIVATE = "private", _("Private")
        PUBLIC = "public", _("Public")

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="endpoints")
    kind = models.CharField(max_length=10, choices=Kind)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.PRIVATE)
    host = models.CharField(max_length=253)
    """What clients write."""
    bind_host = models.CharField(max_length=64)
    """What the listener binds."""
    port = models.PositiveIntegerField()

    class Meta:
        ordering = ("scope", "id")
        constraints = (
            models.UniqueConstraint(fields=("bind_host", "port"), name="one_listener_per_port"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.port}"


def tags_of(cluster: Cluster) -> dict[str, str]:
    """Tags as a mapping; uses prefetched rows when there are any."""
    return {tag.key: tag.value for tag in cluster.tags.all()}


SECTIONS: tuple[str, ...] = ("cluster", "listeners", "users", "policies", "topics")
"""Names of the configuration sections (``broker_runtime.contract.configuration.Sections``)."""
