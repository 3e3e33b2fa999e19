"""Rights policies: made, given and taken; nobody raises his own rights."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters.models import Cluster
from clusters.resources import resource_of
from console.accounts.models import PolicyAttachment, RightsPolicy
from console.accounts.selectors import describe_rights_policies
from console.accounts.services.rights import (
    attach_rights_policy,
    create_rights_policy,
    delete_rights_policy,
    detach_rights_policy,
)
from console.core.actors import Actor
from console.core.errors import (
    ActionError,
    AlreadyExists,
    InvalidParameterValue,
    ResourceInUse,
    ResourceNotFound,
    UnauthorizedOperation,
)
from console.core.forms import FORMS
from tests.cast import acting, make_cluster, make_sub_user, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def policy(*actions: str, effect: str = "allow", resource: str = "*") -> dict[str, Any]:
    return {
        "version": "2.0",
        "statement": [{"effect": effect, "action": list(actions), "resource": [resource]}],
    }


@pytest.fixture
def keeper(owner: Actor) -> Actor:
    """A sub-user who may manage users and policies, and read MQTT."""
    create_rights_policy(owner, policy_name="keeper", policy_document=policy("cam:*"))
    user = make_sub_user(user_of(owner), "keeper", "QcloudMQTTReadOnlyAccess", username="keeper")
    return acting(user)


def test_an_attached_policy_counts_from_the_next_request_on(
    owner: Actor, nobody: Actor, running_cluster: Cluster
) -> None:
    """ASVS 8.3.2."""
    resource = resource_of(running_cluster)
    create_rights_policy(owner, policy_name="topics", policy_document=policy("mqtt:CreateTopic"))
    attach_rights_policy(owner, user=user_of(nobody), policy_name="topics")
    assert acting(user_of(nobody)).may("mqtt:CreateTopic", resource)
    assert not acting(user_of(nobody)).may("mqtt:DeleteTopic", resource)

    detach_rights_policy(owner, user=user_of(nobody), policy_name="topics")
    assert not acting(user_of(nobody)).may("mqtt:CreateTopic", resource)


def test_a_policy_for_one_cluster_gives_nothing_on_another(
    owner: Actor, nobody: Actor, running_cluster: Cluster
) -> None:
    other = make_cluster(owner.account_uin, name="second")
    document = policy("mqtt:*", resource=f"qcs::mqtt::uin/*:instance/{running_cluster.public_id}")
    create_rights_policy(owner, policy_name="one", policy_document=document)
    attach_rights_policy(owner, user=user_of(nobody), policy_name="one")
    actor = acting(user_of(nobody))
    assert actor.may("mqtt:DeleteTopic", resource_of(running_cluster))
    assert not actor.may("mqtt:DeleteTopic", resource_of(other))


def test_a_preset_can_be_attached(owner: Actor, nobody: Actor, running_cluster: Cluster) -> None:
    """CONTRACT R4."""
    attach_rights_policy(owner, user=user_of(nobody), policy_name="QcloudMQTTFullAccess")
    assert acting(user_of(nobody)).may("mqtt:DeleteInstance", resource_of(running_cluster))


def test_a_policy_is_attached_once(owner: Actor, reader: Actor) -> None:
    with pytest.raises(AlreadyExists):
        attach_rights_policy(owner, user=user_of(reader), policy_name="QcloudMQTTReadOnlyAccess")


def test_a_policy_that_is_not_attached_cannot_be_detached(owner: Actor, nobody: Actor) -> None:
    with pytest.raises(ResourceNotFound):
        detach_rights_policy(owner, user=user_of(nobody), policy_name="QcloudMQTTFullAccess")


def test_a_policy_of_another_account_is_unknown(
    owner: Actor, outsider: Actor, nobody: Actor
) -> None:
    """SECURITY C7."""
    create_rights_policy(outsider, policy_name="theirs", policy_document=policy("mqtt:*"))
    with pytest.raises(ResourceNotFound, match="theirs"):
        attach_rights_policy(owner, user=user_of(nobody), policy_name="theirs")
    with pytest.raises(ResourceNotFound, match="theirs"):
        FORMS["DeleteRightsPolicy"].from_parameters({"PolicyName": "theirs"}).perform(owner)


def test_equal_names_in_two_accounts_do_not_mix(
    owner: Actor, outsider: Actor, nobody: Actor, running_cluster: Cluster
) -> None:
    create_rights_policy(owner, policy_name="same", policy_document=policy("mqtt:Describe*"))
    create_rights_policy(outsider, policy_name="same", policy_document=policy("mqtt:*"))
    attach_rights_policy(owner, user=user_of(nobody), policy_name="same")
    assert not acting(user_of(nobody)).may("mqtt:DeleteTopic", resource_of(running_cluster))


@pytest.mark.parametrize("name", ["mine", "QcloudMQTTFullAccess"])
def test_a_name_is_taken_once_and_presets_have_theirs(owner: Actor, name: str) -> None:
    """CONTRACT R6."""
    create_rights_policy(owner, policy_name="mine", policy_document=policy("mqtt:*"))
    with pytest.raises(AlreadyExists):
        create_rights_policy(owner, policy_name=name, policy_document=policy("mqtt:*"))


def test_an_attached_policy_cannot_be_deleted(owner: Actor, keeper: Actor) -> None:
    """Else a new one of its name would give its holders other rights (SECURITY C9)."""
    own = RightsPolicy.objects.get(name="keeper")
    with pytest.raises(ResourceInUse, match="keeper"):
        delete_rights_policy(keeper, policy=own)
    detach_rights_policy(owner, user=user_of(keeper), policy_name="keeper")
    delete_rights_policy(owner, policy=own)
    assert not RightsPolicy.objects.exists()


def test_the_list_shows_presets_and_own_policies_with_their_holders(
    owner: Actor, outsider: Actor, reader: Actor
) -> None:
    create_rights_policy(owner, policy_name="mine", policy_document=policy("mqtt:*"))
    create_rights_policy(outsider, policy_name="theirs", policy_document=policy("mqtt:*"))
    shown = [
        (entry.name, entry.is_preset, entry.users) for entry in describe_rights_policies(owner)
    ]
    assert shown == [
        ("QcloudMQTTFullAccess", True, ()),
        ("QcloudMQTTReadOnlyAccess", True, ("reader",)),
        ("mine", False, ()),
    ]


@pytest.mark.parametrize("effect", ["attach", "detach"])
def test_nobody_changes_his_own_rights(keeper: Actor, effect: str) -> None:
    """SECURITY C9: detaching may raise them as well, when a deny goes."""
    with pytest.raises(UnauthorizedOperation, match="his own rights"):
        if effect == "attach":
            attach_rights_policy(keeper, user=user_of(keeper), policy_name="QcloudMQTTFullAccess")
        else:
            detach_rights_policy(keeper, user=user_of(keeper), policy_name="keeper")
    assert acting(user_of(keeper)).statements == keeper.statements


def test_nobody_gives_rights_that_he_does_not_have(keeper: Actor, nobody: Actor) -> None:
    """SECURITY C9: a puppet would have them for him."""
    document = policy("*")
    create_rights_policy(keeper, policy_name="everything", policy_document=document)
    for name in ("everything", "QcloudMQTTFullAccess"):
        with pytest.raises(UnauthorizedOperation, match=name):
            attach_rights_policy(keeper, user=user_of(nobody), policy_name=name)
    assert not PolicyAttachment.objects.filter(user__uin=nobody.uin).exists()


def test_rights_that_one_has_can_be_given(keeper: Actor, nobody: Actor) -> None:
    attach_rights_policy(keeper, user=user_of(nobody), policy_name="QcloudMQTTReadOnlyAccess")
    assert PolicyAttachment.objects.filter(user__uin=nobody.uin).count() == 1


def test_whom_a_deny_limits_gives_nothing(owner: Actor, keeper: Actor, nobody: Actor) -> None:
    """Without the deny the other would have more."""
    document = policy("mqtt:DescribeUserList", effect="deny")
    create_rights_policy(owner, policy_name="limit", policy_document=document)
    attach_rights_policy(owner, user=user_of(keeper), policy_name="limit")
    with pytest.raises(UnauthorizedOperation):
        attach_rights_policy(
            acting(user_of(keeper)), user=user_of(nobody), policy_name="QcloudMQTTReadOnlyAccess"
        )


@pytest.mark.parametrize("action", ["AttachRightsPolicy", "DetachRightsPolicy"])
def test_a_user_without_the_right_is_refused(reader: Actor, nobody: Actor, action: str) -> None:
    """SECURITY C8."""
    parameters = {"Username": "nobody", "PolicyName": "QcloudMQTTFullAccess"}
    with pytest.raises(UnauthorizedOperation):
        FORMS[action].from_parameters(parameters).perform(reader)


def test_the_document_may_be_text_or_an_object(owner: Actor) -> None:
    for name, document in (("a", policy("mqtt:*")), ("b", json.dumps(policy("mqtt:*")))):
        form = FORMS["CreateRightsPolicy"].from_parameters(
            {"PolicyName": name, "PolicyDocument": document}
        )
        assert form.perform(owner).document == policy("mqtt:*")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "required"),
        ("{", "not JSON"),
        ("[]", "required"),
        ({}, "required"),
        ("[1]", "object is needed"),
        ({"version": "2.0"}, "statement is missing"),
        ('{"version": "2.0", "version": "2.0", "statement": []}', "'version' stands twice"),
        ({"version": "1.0", "statement": [{}]}, "version"),
        ({"version": "2.0", "statement": []}, "at least one"),
        (policy("mqtt:*", effect="ALLOW "), r"statement\[0\].effect"),
        (policy("mqtt:*", resource="instance/1"), "six segments"),
        ({**policy("mqtt:*"), "extra": 1}, "unknown key extra"),
        ('{"version": ' + "[" * 1000 + "]" * 1000 + "}", "nested deeper"),
        (json.dumps(policy("x" * 7000)), "at most 6144 characters"),
        (policy("x" * 7000), "at most 6144 characters"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_the_place_and_nothing_is_kept(
    owner: Actor, document: Any, why: str
) -> None:
    """SECURITY C19."""
    form = FORMS["CreateRightsPolicy"].from_parameters(
        {"PolicyName": "wrong", "PolicyDocument": document}
    )
    with pytest.raises(ActionError, match=why) as caught:
        form.perform(owner)
    assert caught.value.field == "policy_document"
    assert not RightsPolicy.objects.exists()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_a_name_of_the_wrong_alphabet_is_refused(owner: Actor, name: str) -> None:
    form = FORMS["CreateRightsPolicy"].from_parameters(
        {"PolicyName": name, "PolicyDocument": policy("mqtt:*")}
    )
    with pytest.raises(ActionError) as caught:
        form.perform(owner)
    assert caught.value.field == "policy_name"


def test_a_document_that_the_evaluator_refuses_never_gets_in_by_the_action(owner: Actor) -> None:
    with pytest.raises(InvalidParameterValue):
        create_rights_policy(owner, policy_name="x", policy_document={"version": "2.0"})


def test_only_the_owner_takes_a_deny_away(owner: Actor, keeper: Actor) -> None:
    """SECURITY C9: without it the user may do more, perhaps more than who took it away."""
    create_rights_policy(owner, policy_name="all", policy_document=policy("mqtt:*"))
    create_rights_policy(owner, policy_name="no", policy_document=policy("mqtt:*", effect="deny"))
    limited = make_sub_user(user_of(owner), "all", "no", username="limited")

    with pytest.raises(UnauthorizedOperation):
        detach_rights_policy(keeper, user=limited, policy_name="no")
    detach_rights_policy(keeper, user=limited, policy_name="all")
    detach_rights_policy(owner, user=limited, policy_name="no")

    assert not limited.attachments.exists()
