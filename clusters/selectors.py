"""Reads of clusters, their endpoints, their specifications and their clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from clusters.gateway import (
    Client,
    ClientPage,
    GetClient,
    GetNodeState,
    ListClients,
    NodeState,
)
from clusters.models import Cluster, ClusterTag, Endpoint, Node, tags_of
from clusters.nodes import ask
from clusters.progress import STEPS
from clusters.resources import (
    cluster_resource,
    count_contents,
    resource_of,
    unknown_client,
)
from clusters.skus import SKUS, Sku
from console.core.actions import account_resource, action
from console.core.actors import Actor
from console.core.errors import ResourceNotFound
from console.core.models import Job
from console.core.rights import Resource

Filters = Mapping[str, Sequence[str]]
RUNTIME_TIMEOUT_S = 1.0
"""Every page of a cluster asks for the state of its runtime; a hung one may not hold it up."""
MOST_CLIENTS = 1024
"""Sessions a client list shows at most (CONTRACT K3)."""


@dataclass(frozen=True, slots=True)
class InstanceSummary:
    """A row of the cluster list (CONTRACT C15)."""

    cluster: Cluster
    topic_count: int


@dataclass(frozen=True, slots=True)
class InstancePage:
    """A page of the cluster list, and how many clusters match in all."""

    items: tuple[InstanceSummary, ...]
    total: int


@dataclass(frozen=True, slots=True)
class InstanceTotals:
    """All clusters of the list at a glance: what stands above it, what it is filtered by."""

    clusters: tuple[Cluster, ...]
    topic_count: int
    states: Mapping[str, int]
    """State → how many clusters are in it; only states that occur."""
    tags: tuple[tuple[str, str], ...]
    """Every tag, key and value, in order."""


@dataclass(frozen=True, slots=True)
class InstanceDetails:
    """A cluster with everything its page shows (CONTRACT C20)."""

    cluster: Cluster
    topic_count: int
    nodes: tuple[Node, ...]

    @property
    def waiting_nodes(self) -> tuple[Node, ...]:
        """Nodes that have not applied the newest configuration; ``obstacle`` says why."""
        return tuple(n for n in self.nodes if n.applied_revision != self.cluster.revision)


@dataclass(frozen=True, slots=True)
class PublicAccess:
    """Public endpoints of a cluster; there are none until its public network is opened."""

    cluster: Cluster
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class InstanceProgress:
    """Where the newest long work on a cluster stands."""

    cluster: Cluster
    job: Job | None

    @property
    def step_label(self) -> str:
        """The present step in the reader's language; empty when there is no job."""
        return gettext(self.job.step_name) if self.job and self.job.step_name else ""


def _listable(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """What a list of clusters is authorised on: the account, or else the first cluster that the
    actor may list, so that rights on single clusters give a list of these.
    """
    account = account_resource(actor, parameters)
    if actor.may("mqtt:DescribeInstanceList", account):
        return account
    return next((resource_of(cluster) for cluster in _visible(actor, _mine(actor))), account)


@action("DescribeInstanceList", resource=_listable, kind="read")
def describe_instance_list(
    actor: Actor,
    *,
    filters: Filters | None = None,
    tag_filters: Filters | None = None,
    offset: int = 0,
    limit: int = 20,
) -> InstancePage:
    """The actor's clusters, newest first: only those it may describe (CONTRACT C15, C19).

    Args:
        filters: Filter name (``InstanceName`` part of it, ``InstanceId``, ``InstanceStatus``,
            ``PayMode``, ``ExpiredBefore``, and the console's own ``Keyword``: part of the id, the
            name or a tag) → values, one of which must match. The cloud ignores them beside
            ``tag_filters``; here both hold.
        tag_filters: Tag key → values, one of which must match; every key must.
    """
    matching = _mine(actor)
    for name, values in (filters or {}).items():
        matching = matching.filter(_condition(name, values))
    for key, values in (tag_filters or {}).items():
        matching = matching.filter(tags__key=key, tags__value__in=values)
    visible = _visible(actor, matching)
    shown = visible[offset : offset + limit]
    topics = count_contents("topics", shown)
    items = tuple(InstanceSummary(cluster, topics[cluster.pk]) for cluster in shown)
    return InstancePage(items, total=len(visible))


@action("DescribeInstanceTotals", resource=_listable, kind="read")
def describe_instance_totals(actor: Actor) -> InstanceTotals:
    """All clusters of the list counted."""
    visible = _visible(actor, _mine(actor))
    return InstanceTotals(
        clusters=tuple(visible),
        topic_count=sum(count_contents("topics", visible).values()),
        states=Counter(cluster.state for cluster in visible),
        tags=tuple(sorted({pair for cluster in visible for pair in tags_of(cluster).items()})),
    )


@action("DescribeInstance", resource=cluster_resource, kind="read")
def describe_instance(actor: Actor, *, cluster: Cluster) -> InstanceDetails:
    """One cluster (CONTRACT C20)."""
    topics = count_contents("topics", [cluster])
    return InstanceDetails(cluster, topics[cluster.pk], tuple(cluster.nodes.all()))


@action("DescribeInstanceRuntime", resource=cluster_resource, kind="read")
def describe_instance_runtime(actor: Actor, *, cluster: Cluster) -> NodeState:
    """What the cluster's runtime says of itself: since when it runs, how many are connected."""
    state: NodeState = ask(cluster, GetNodeState(), timeout_s=RUNTIME_TIMEOUT_S)
    return state


@action("DescribeInstanceProgress", resource=cluster_resource, kind="read")
def describe_instance_progress(actor: Actor, *, cluster: Cluster) -> InstanceProgress:
    """The newest job on the cluster: its steps, its state, its error."""
    newest = Job.objects.filter(account_uin=actor.account_uin, subject=cluster.public_id).first()
    return InstanceProgress(cluster, newest)


@action("DescribeInstanceJobs", resource=_listable, kind="read")
def describe_instance_jobs(actor: Actor, *, limit: int = 20) -> tuple[Job, ...]:
    """The newest jobs on clusters that the actor may list. Those on clusters that are gone are for
    who may list all of the account's.
    """
    jobs = Job.objects.filter(account_uin=actor.account_uin, kind__in=STEPS)
    visible = {cluster.public_id for cluster in _visible(actor, _mine(actor))}
    if actor.may("mqtt:DescribeInstanceList", account_resource(actor, {})):
        existing = set(_mine(actor).values_list("public_id", flat=True))
        jobs = jobs.exclude(subject__in=existing - visible)
    else:
        jobs = jobs.filter(subject__in=visible)
    return tuple(jobs[:limit])


@action("DescribeProductSKUList", resource=account_resource, kind="read")
def describe_product_sku_list(actor: Actor) -> tuple[Sku, ...]:
    """Every specification, sold out ones too (CONTRACT C5–C7)."""
    return SKUS


@action("DescribeInsVPCEndpoints", resource=cluster_resource, kind="read")
def describe_ins_vpc_endpoints(actor: Actor, *, cluster: Cluster) -> tuple[Endpoint, ...]:
    """Addresses within the private network (CONTRACT C23)."""
    return tuple(cluster.endpoints.filter(scope=Endpoint.Scope.PRIVATE).select_related("cluster"))


@action("DescribeInsPublicEndpoints", resource=cluster_resource, kind="read")
def describe_ins_public_endpoints(actor: Actor, *, cluster: Cluster) -> PublicAccess:
    """Addresses on the public network (CONTRACT C24)."""
    public = cluster.endpoints.filter(scope=Endpoint.Scope.PUBLIC).select_related("cluster")
    return PublicAccess(cluster, tuple(public))


@action("DescribeClientList", resource=cluster_resource, kind="read")
def describe_client_list(
    actor: Actor,
    *,
    cluster: Cluster,
    client_id: str = "",
    number: int = MOST_CLIENTS,
    online_status: int = 0,
    max_timestamp: int = 0,
) -> ClientPage:
    """Sessions whose client id contains ``client_id`` (CONTRACT K2, K3).

    Args:
        number: How many at most, 1 to 1024.
        online_status: 0 all, 1 connected, 2 not connected.
        max_timestamp: Only those that connected (disconnected, when offline) before this instant,
            Unix ms; 0 = no bound.
    """
    states = ("any", "connected", "disconnected")
    page: ClientPage = ask(
        cluster,
        ListClients(
            search=client_id,
            state=states[online_status],  # type: ignore[arg-type]  # the three of ConnectionState
            limit=number,
            before_ms=max_timestamp,
        ),
    )
    return page


@action("DescribeClient", resource=cluster_resource, kind="read")
def describe_client(actor: Actor, *, cluster: Cluster, client_id: str) -> Client:
    """One session with its subscriptions and packet counts (CONTRACT K4–K6)."""
    try:
        client: Client = ask(cluster, GetClient(client_id=client_id))
    except ResourceNotFound as refusal:
        raise unknown_client(cluster, client_id) from refusal
    return client


def _mine(actor: Actor) -> QuerySet[Cluster]:
    return Cluster.objects.filter(account_uin=actor.account_uin).prefetch_related("tags")


def _visible(actor: Actor, clusters: QuerySet[Cluster]) -> list[Cluster]:
    return [
        cluster
        for cluster in clusters
        if actor.may("mqtt:DescribeInstanceList", resource_of(cluster))
        and actor.may("mqtt:DescribeInstance", resource_of(cluster))
    ]


def _condition(name: str, values: Sequence[str]) -> Q:
    match name:
        case "InstanceName":
            anywhere = Q()
            for value in values:
                anywhere |= Q(name__icontains=value)
            return anywhere
        case "InstanceId":
            return Q(public_id__in=values)
        case "Keyword":
            return _anywhere(values)
        case "InstanceStatus":
            return Q(state__in=values)
        case "PayMode":
            # Clusters are paid by use; a subscription is a later kind (DECISIONS 8).
            return Q() if "POSTPAID" in values else Q(pk__in=())
        case "ExpiredBefore":
            return Q(pk__in=())  # speaks of subscriptions only
        case _:
            raise ValueError(f"unknown filter {name}")


def _anywhere(values: Sequence[str]) -> Q:
    """Clusters whose id, name or a tag (``key: value``) contains one of the texts."""
    found = Q()
    for value in values:
        key, _colon, rest = (part.strip() for part in value.partition(":"))
        tags = ClusterTag.objects.filter(
            Q(key__icontains=key, value__icontains=rest)
            if rest
            else Q(key__icontains=key) | Q(value__icontains=key)
        )
        found |= (
            Q(name__icontains=value)
            | Q(public_id__icontains=value)
            | Q(pk__in=tags.values("cluster"))
        )
    return found
