"""Creation, deletion and tags of clusters."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext as _

from clusters.models import Cluster, ClusterTag
from clusters.resources import (
    InstanceNotReady,
    cluster_created,
    cluster_resource,
    contents_of,
    lock_cluster,
)
from clusters.skus import SKU_BY_CODE, Sku
from console.core import jobs
from console.core.actions import account_resource, action
from console.core.actors import Actor
from console.core.errors import (
    FailedOperation,
    InvalidParameter,
    InvalidParameterValue,
    OperationDenied,
    ResourceInUse,
)
from console.core.events import announce

_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 8
_DELETABLE = (
    Cluster.State.RUNNING,
    Cluster.State.ABNORMAL,
    Cluster.State.OVERDUE,
    Cluster.State.CREATE_FAILURE,
    Cluster.State.DELETE_FAILURE,
)


@action("CreateInstance", resource=account_resource, kind="change")
def create_instance(
    actor: Actor,
    *,
    instance_type: str,
    name: str,
    sku_code: str,
    remark: str = "",
    tag_list: Mapping[str, str] | None = None,
    region: str = "",
    allow_everything: bool = False,
) -> Cluster:
    """Write the cluster and have a worker bring it to life (CONTRACT C4–C12).

    Args:
        tag_list: Tag key → value.
        region: Region code; the first of the installation when empty.
        allow_everything: Start with a policy that allows everything (DECISIONS 3).
    """
    sku = _sellable(sku_code, instance_type)
    cluster = Cluster.objects.create(
        public_id=_new_public_id(),
        account_uin=actor.account_uin,
        name=name,
        edition=sku.edition,
        sku_code=sku.code,
        region=region or next(iter(settings.REGIONS)),
        remark=remark,
        tps_limit=sku.tps,
        max_connections=sku.connections,
        max_topics=sku.topics,
        max_subscriptions_per_client=sku.subscriptions_per_client,
        max_policies=sku.policies,
        verifier_key=secrets.token_hex(32),
    )
    _write_tags(cluster, tag_list or {})
    cluster_created.send(Cluster, cluster=cluster, allow_everything=allow_everything)
    _enqueue("create-cluster", cluster)
    return cluster


@action("RetryCreateInstance", resource=cluster_resource, kind="change")
def retry_create_instance(actor: Actor, *, cluster: Cluster) -> Cluster:
    """Try again to bring a cluster to life whose creation failed."""
    locked = lock_cluster(cluster)
    if locked.state != Cluster.State.CREATE_FAILURE:
        raise InstanceNotReady(
            _("Cluster %(id)s is %(state)s; only a creation that failed can be tried again.")
            % {"id": locked.public_id, "state": locked.get_state_display()},
            field="instance_id",
        )
    locked.state, locked.state_reason = Cluster.State.CREATING, ""
    locked.save(update_fields=["state", "state_reason"])
    _enqueue("create-cluster", locked)
    return locked


@action("DeleteInstance", resource=cluster_resource, kind="change")
def delete_instance(actor: Actor, *, cluster: Cluster) -> Cluster:
    """Mark the cluster and have a worker remove its node, its data and its rows (CONTRACT C29–C31).

    Raises:
        ResourceInUse: it still holds topics; the message lists what is left (CONTRACT C30).
        FailedOperation: it is protected (``FailedOperation.DeleteProtect``) or not in a state in
            which it can be deleted.
    """
    locked = lock_cluster(cluster)
    if locked.state not in _DELETABLE:
        raise InstanceNotReady(
            _("Cluster %(id)s is %(state)s and cannot be deleted now.")
            % {"id": locked.public_id, "state": locked.get_state_display()},
            field="instance_id",
        )
    if locked.delete_protection:
        raise FailedOperation(
            _("Cluster %(id)s is protected against deletion. Switch the protection off first.")
            % {"id": locked.public_id},
            code="FailedOperation.DeleteProtect",
            field="instance_id",
        )
    _require_empty(locked)
    locked.state, locked.state_reason = Cluster.State.DELETING, ""
    locked.save(update_fields=["state", "state_reason"])
    _enqueue("delete-cluster", locked)
    return locked


@action("ModifyInstanceTags", resource=cluster_resource, kind="change")
def modify_instance_tags(actor: Actor, *, cluster: Cluster, tag_list: Mapping[str, str]) -> Cluster:
    """Replace all tags of the cluster (CONTRACT C11, C19)."""
    locked = lock_cluster(cluster)
    locked.tags.all().delete()
    _write_tags(locked, tag_list)
    announce("cluster-changed", cluster=locked.public_id)
    announce("clusters-changed", account=locked.account_uin)
    return locked


def _sellable(sku_code: str, instance_type: str) -> Sku:
    sku = SKU_BY_CODE.get(sku_code)
    if sku is None:
        raise InvalidParameterValue(
            _("There is no specification %(code)s; there are %(known)s.")
            % {"code": sku_code[:40], "known": ", ".join(SKU_BY_CODE)},
            field="sku_code",
        )
    if sku.edition != instance_type:
        raise InvalidParameter(
            _("Specification %(code)s belongs to edition %(edition)s, not to %(given)s.")
            % {"code": sku.code, "edition": sku.edition, "given": instance_type},
            code="InvalidParameter.InstanceTypeNotMatch",
            field="sku_code",
        )
    if not sku.on_sale:
        raise OperationDenied(
            _("Specification %(code)s is sold out. Choose another one.") % {"code": sku.code},
            field="sku_code",
        )
    return sku


def _new_public_id() -> str:
    """A name that was never used here: 36^8 are possible, the database refuses the same twice."""
    return "mqtt-" + "".join(secrets.choice(_ID_ALPHABET) for _place in range(_ID_LENGTH))


def _write_tags(cluster: Cluster, tags: Mapping[str, str]) -> None:
    ClusterTag.objects.bulk_create(
        ClusterTag(cluster=cluster, key=key, value=value) for key, value in tags.items()
    )


def _require_empty(cluster: Cluster) -> None:
    left = contents_of(cluster)
    if left:
        listed = ", ".join(f"{count} {label}" for label, count in left.items())
        raise ResourceInUse(
            _(
                "Cluster %(id)s still holds resources: %(left)s. It can be deleted once they are "
                "cleared."
            )
            % {"id": cluster.public_id, "left": listed},
            field="instance_id",
        )


def _enqueue(kind: str, cluster: Cluster) -> None:
    jobs.enqueue(kind, account_uin=cluster.account_uin, subject=cluster.public_id)
    announce("cluster-changed", cluster=cluster.public_id)
    announce("clusters-changed", account=cluster.account_uin)
