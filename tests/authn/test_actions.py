"""User actions: what they do, whom they refuse, what input they refuse (CONTRACT A4–A8)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from authn.models import MqttUser
from authn.passwords import password_of
from authn.services import create_user
from clusters.models import Cluster
from clusters.resources import InstanceNotReady
from console.core.actors import Actor
from console.core.models import AuditEntry
from console.core.secrets import SecretUnreadable
from tests.calls import call, refused
from tests.cast import acting, make_sub_user, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CHANGES = {
    "CreateUser": {"Username": "new"},
    "ModifyUser": {"Username": "sensor", "Remark": "new"},
    "DeleteUser": {"Username": "sensor"},
    "ViewUserPasswords": {"Usernames": ["sensor"]},
}


@pytest.fixture
def sensor(owner: Actor, running_cluster: Cluster) -> MqttUser:
    call(owner, "CreateUser", running_cluster, Username="sensor", Password="own-password")
    return MqttUser.objects.get()


def test_a_user_is_created_listed_changed_and_deleted(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(owner, "CreateUser", running_cluster, Username="sensor", Password="pw_1", Remark="first")
    call(owner, "ModifyUser", running_cluster, Username="sensor", Remark="second")
    page = call(owner, "DescribeUserList", running_cluster)
    assert page["TotalCount"] == 1
    item = page["Data"][0]
    assert (item["Username"], item["Password"], item["Remark"]) == ("sensor", "pw_1", "second")
    call(owner, "DeleteUser", running_cluster, Username="sensor")
    assert call(owner, "DescribeUserList", running_cluster)["TotalCount"] == 0


def test_an_empty_password_is_generated(owner: Actor, running_cluster: Cluster) -> None:
    for name in ("one", "two"):
        call(owner, "CreateUser", running_cluster, Username=name)
    passwords = {password_of(user) for user in MqttUser.objects.select_related("cluster")}
    assert len(passwords) == 2
    assert all(len(password) == 20 for password in passwords)


def test_the_password_is_sealed_to_its_row_c12(sensor: MqttUser) -> None:
    assert b"own-password" not in bytes(sensor.sealed_password)
    assert password_of(sensor) == "own-password"
    sensor.username = "other"
    with pytest.raises(SecretUnreadable):
        password_of(sensor)


def test_the_runtime_gets_a_keyed_verifier(sensor: MqttUser) -> None:
    key = bytes.fromhex(sensor.cluster.verifier_key)
    assert sensor.verifier == hmac.new(key, b"sensor\0own-password", hashlib.sha256).hexdigest()


def test_passwords_never_reach_the_audit_trail(sensor: MqttUser) -> None:
    entry = AuditEntry.objects.get(action="mqtt:CreateUser")
    assert entry.parameters["password"] == "***"
    assert "own-password" not in str(entry.parameters)


def test_viewing_a_password_is_audited_a6(owner: Actor, sensor: MqttUser) -> None:
    answer = call(owner, "ViewUserPasswords", sensor.cluster, Usernames=["sensor"])
    assert answer == {"Data": [{"Username": "sensor", "Password": "own-password"}]}
    assert AuditEntry.objects.filter(action="mqtt:ViewUserPasswords", outcome="done").count() == 1


def test_a_reader_lists_users_without_their_passwords(reader: Actor, sensor: MqttUser) -> None:
    assert call(reader, "DescribeUserList", sensor.cluster)["Data"][0]["Password"] == ""
    assert not AuditEntry.objects.filter(action="mqtt:ViewUserPasswords").exists()


def test_a_full_access_user_lists_them_and_is_audited(owner: Actor, sensor: MqttUser) -> None:
    helper = acting(make_sub_user(user_of(owner), "QcloudMQTTFullAccess"), entrance="api")
    assert call(helper, "DescribeUserList", sensor.cluster)["Data"][0]["Password"] == "own-password"
    assert AuditEntry.objects.filter(action="mqtt:ViewUserPasswords").exists()


@pytest.mark.parametrize(("action", "parameters"), CHANGES.items())
def test_a_reader_changes_nothing_and_sees_no_password(
    action: str, parameters: dict[str, Any], reader: Actor, sensor: MqttUser
) -> None:
    assert refused(reader, action, sensor.cluster, **parameters).full_code == (
        "UnauthorizedOperation"
    )
    assert list(MqttUser.objects.values_list("username", "remark")) == [("sensor", "")]


@pytest.mark.parametrize(("action", "parameters"), [*CHANGES.items(), ("DescribeUserList", {})])
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str, parameters: dict[str, Any], outsider: Actor, sensor: MqttUser
) -> None:
    refusal = refused(outsider, action, sensor.cluster, **parameters)
    assert refusal.full_code == "ResourceNotFound.Instance"


@pytest.mark.parametrize(
    ("parameters", "field", "code"),
    [
        ({}, "username", "MissingParameter"),
        ({"Username": ""}, "username", "MissingParameter"),
        ({"Username": "u" * 33}, "username", "InvalidParameterValue"),
        ({"Username": "a b"}, "username", "InvalidParameterValue"),
        ({"Username": "a+b"}, "username", "InvalidParameterValue"),
        ({"Username": "a\n"}, "username", "InvalidParameterValue"),
        ({"Username": "用户"}, "username", "InvalidParameterValue"),
        ({"Username": 5}, "username", "InvalidParameter"),
        ({"Username": "ok", "Password": "p" * 65}, "password", "InvalidParameterValue"),
        ({"Username": "ok", "Password": "p w"}, "password", "InvalidParameterValue"),
        ({"Username": "ok", "Password": 5}, "password", "InvalidParameter"),
        ({"Username": "ok", "Remark": "r" * 129}, "remark", "InvalidParameterValue"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    parameters: dict[str, Any], field: str, code: str, owner: Actor, running_cluster: Cluster
) -> None:
    refusal = refused(owner, "CreateUser", running_cluster, **parameters)
    assert (refusal.full_code, refusal.field) == (code, field)
    assert not MqttUser.objects.exists()


def test_a_username_is_taken_once(owner: Actor, sensor: MqttUser) -> None:
    refusal = refused(owner, "CreateUser", sensor.cluster, Username="sensor")
    assert refusal.full_code == "UnsupportedOperation.ResourceAlreadyExists"


@pytest.mark.parametrize("action", ["ModifyUser", "DeleteUser"])
def test_an_unknown_user_is_named(action: str, owner: Actor, running_cluster: Cluster) -> None:
    refusal = refused(owner, action, running_cluster, Username="ghost")
    assert refusal.full_code == "ResourceNotFound.Username"
    assert "ghost" in refusal.message


@pytest.mark.parametrize("usernames", [5, "sensor", [5], ["x"] * 101, [["sensor"]]])
def test_the_list_of_usernames_is_checked(usernames: Any, owner: Actor, sensor: MqttUser) -> None:
    refusal = refused(owner, "ViewUserPasswords", sensor.cluster, Usernames=usernames)
    assert refusal.field == "usernames"


def test_users_are_found_by_part_of_the_name(owner: Actor, running_cluster: Cluster) -> None:
    for name in ("line-a", "line-b", "gateway"):
        call(owner, "CreateUser", running_cluster, Username=name)
    page = call(
        owner,
        "DescribeUserList",
        running_cluster,
        Filters=[{"Name": "Username", "Values": ["line"]}],
        Limit=1,
    )
    assert page["TotalCount"] == 2
    assert len(page["Data"]) == 1


def test_a_cluster_whose_creation_failed_meanwhile_gets_no_user(
    owner: Actor, running_cluster: Cluster
) -> None:
    """SECURITY C24: two at once are judged one after the other, by the cluster as it then is."""
    Cluster.objects.filter(pk=running_cluster.pk).update(state=Cluster.State.CREATE_FAILURE)

    with pytest.raises(InstanceNotReady):
        create_user(owner, cluster=running_cluster, username="sensor")
