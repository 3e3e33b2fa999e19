"""Changes of MQTT users."""

from __future__ import annotations

from django.utils.translation import gettext as _

from authn.models import MqttUser
from authn.passwords import generated_password, set_password
from authn.resources import find_user
from clusters.models import Cluster
from clusters.resources import (
    change_configuration,
    cluster_resource,
    lock_cluster,
    require_settled,
)
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import AlreadyExists
from console.core.events import announce


@action("CreateUser", resource=cluster_resource, kind="change", secret_parameters=("password",))
def create_user(
    actor: Actor, *, cluster: Cluster, username: str, password: str = "", remark: str = ""
) -> MqttUser:
    """Create a user; an empty password is generated (CONTRACT A4)."""
    cluster = lock_cluster(cluster)  # two at once must not both find the name free
    require_settled(cluster)
    if cluster.mqtt_users.filter(username=username).exists():
        raise AlreadyExists(
            _("User %(name)s exists already in this cluster.") % {"name": username},
            field="username",
        )
    user = MqttUser(cluster=cluster, username=username, remark=remark)
    set_password(user, password or generated_password())
    user.save()
    _changed(cluster)
    return user


@action("ModifyUser", resource=cluster_resource, kind="change")
def modify_user(actor: Actor, *, cluster: Cluster, username: str, remark: str = "") -> MqttUser:
    """Change the description."""
    user = find_user(cluster, username)
    user.remark = remark
    user.save(update_fields=["remark", "modified_at"])
    announce("users-changed", cluster=cluster.public_id)
    return user


@action("DeleteUser", resource=cluster_resource, kind="change")
def delete_user(actor: Actor, *, cluster: Cluster, username: str) -> None:
    """Delete a user; the runtime disconnects clients that signed in with it (SECURITY A4)."""
    find_user(cluster, username).delete()
    _changed(cluster)


def _changed(cluster: Cluster) -> None:
    change_configuration(cluster, "users")
    announce("users-changed", cluster=cluster.public_id)
