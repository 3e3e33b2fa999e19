"""Changes of what a cluster is called and may do."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from clusters.models import Cluster
from clusters.resources import (
    change_configuration,
    cluster_resource,
    lock_cluster,
    require_settled,
)
from clusters.skus import MOVES, SKU_BY_CODE, Sku
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import InvalidParameterValue, OperationDenied, UnsupportedOperation
from console.core.events import announce

_KNOWN_TO_THE_RUNTIME = {
    "authorization_enabled",
    "message_rate",
    "auto_create_topics",
    "sku_code",
}


@action("ModifyInstance", resource=cluster_resource, kind="change")
def modify_instance(
    actor: Actor,
    *,
    cluster: Cluster,
    name: str | None = None,
    remark: str | None = None,
    sku_code: str = "",
    authorization_policy: bool | None = None,
    message_rate: int | None = None,
    auto_create_topics: bool | None = None,
    delete_protect: bool | None = None,
) -> Cluster:
    """Change what is given and leave the rest (CONTRACT C18, C35, C36).

    Args:
        sku_code: New specification; empty keeps the present one.
        authorization_policy: Whether policies decide what clients may do (DECISIONS 3).
        message_rate: Messages per second that one client may send; 0 = no limit of its own.
        auto_create_topics: Whether first use creates a first-level topic (DECISIONS 2).
        delete_protect: Whether deletion is refused.
    """
    locked = lock_cluster(cluster)
    require_settled(locked)
    given = {
        "name": name,
        "remark": remark,
        "authorization_enabled": authorization_policy,
        "message_rate": message_rate,
        "auto_create_topics": auto_create_topics,
        "delete_protection": delete_protect,
    }
    wanted = {column: value for column, value in given.items() if value is not None}
    if sku_code:
        wanted.update(_limits_of(_reachable(locked, sku_code)))
    changed = [column for column, value in wanted.items() if getattr(locked, column) != value]
    if not changed:
        return locked
    for column in changed:
        setattr(locked, column, wanted[column])
    locked.save(update_fields=changed)
    if _KNOWN_TO_THE_RUNTIME.intersection(changed):
        change_configuration(locked, "cluster")
    announce("cluster-changed", cluster=locked.public_id)
    announce("clusters-changed", account=locked.account_uin)
    return locked


def _reachable(cluster: Cluster, sku_code: str) -> Sku:
    sku = SKU_BY_CODE.get(sku_code)
    if sku is None:
        raise InvalidParameterValue(
            _("There is no specification %(code)s; there are %(known)s.")
            % {"code": sku_code[:40], "known": ", ".join(SKU_BY_CODE)},
            field="sku_code",
        )
    if sku.code == cluster.sku_code:
        return sku
    if (cluster.edition, sku.edition) not in MOVES:
        raise UnsupportedOperation(
            _(
                "A cluster of edition %(present)s cannot become %(wanted)s. Create a cluster of "
                "that edition instead."
            )
            % {"present": cluster.edition, "wanted": sku.edition},
            field="sku_code",
        )
    if not sku.on_sale:
        raise OperationDenied(
            _("Specification %(code)s is sold out. Choose another one.") % {"code": sku.code},
            field="sku_code",
        )
    return sku


def _limits_of(sku: Sku) -> dict[str, Any]:
    return {
        "edition": sku.edition,
        "sku_code": sku.code,
        "tps_limit": sku.tps,
        "max_connections": sku.connections,
        "max_topics": sku.topics,
        "max_subscriptions_per_client": sku.subscriptions_per_client,
        "max_policies": sku.policies,
    }
