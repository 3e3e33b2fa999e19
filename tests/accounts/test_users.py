"""Sub-users: who makes, changes and deletes them, and what they may then do."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import check_password

from console.accounts.actors import OWN_ACTIONS
from console.accounts.models import User
from console.accounts.selectors import describe_sub_users
from console.accounts.services.users import (
    change_language,
    change_password,
    create_sub_user,
    delete_sub_user,
    modify_sub_user,
)
from console.core.actions import REGISTRY
from console.core.actors import Actor
from console.core.errors import (
    ActionError,
    AlreadyExists,
    InvalidParameterValue,
    LimitExceeded,
    RequestLimitExceeded,
    UnauthorizedOperation,
)
from console.core.forms import FORMS
from console.core.models import AuditEntry
from tests.cast import acting, browser_of, make_sub_user, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PASSWORD = "correct horse battery"


@pytest.fixture
def keeper(owner: Actor) -> Actor:
    """A sub-user who may manage users, and read MQTT."""
    from console.accounts.models import RightsPolicy

    RightsPolicy.objects.create(
        account_uin=owner.account_uin,
        name="keeper",
        document={
            "version": "2.0",
            "statement": [{"effect": "allow", "action": ["cam:*"], "resource": ["*"]}],
        },
    )
    user = make_sub_user(user_of(owner), "keeper", "QcloudMQTTReadOnlyAccess", username="keeper")
    return acting(user)


def test_a_new_sub_user_belongs_to_the_account_and_may_only_look_after_itself(
    owner: Actor,
) -> None:
    """CONTRACT R1, R3."""
    user = create_sub_user(owner, username="ada", password=PASSWORD)

    assert user.account_uin == owner.account_uin
    assert not user.is_owner
    assert len(user.uin) == 12
    assert check_password(PASSWORD, user.password)
    actor = acting(user)
    assert [statement.actions for statement in actor.statements] == [OWN_ACTIONS]


def test_a_sub_user_without_a_password_cannot_sign_in(owner: Actor) -> None:
    assert not create_sub_user(owner, username="robot").has_usable_password()


def test_a_user_name_is_taken_once_across_accounts(owner: Actor, outsider: Actor) -> None:
    create_sub_user(owner, username="ada")
    with pytest.raises(AlreadyExists, match="ada") as caught:
        create_sub_user(outsider, username="ada")
    assert caught.value.field == "username"


@pytest.mark.parametrize("password", ["short", "password1234", "ada-lovelace-1"])
def test_a_poor_password_is_refused_and_nobody_is_made(owner: Actor, password: str) -> None:
    with pytest.raises(InvalidParameterValue) as caught:
        create_sub_user(owner, username="ada-lovelace", password=password)
    assert caught.value.field == "password"
    assert not User.objects.filter(username="ada-lovelace").exists()


def test_an_account_has_so_many_sub_users_and_no_more(
    owner: Actor, nobody: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.accounts.services.users.MAX_SUB_USERS", 1)
    with pytest.raises(LimitExceeded):
        create_sub_user(owner, username="ada")


def test_passwords_never_reach_the_audit_trail(owner: Actor) -> None:
    user = create_sub_user(owner, username="ada", password=PASSWORD)
    modify_sub_user(owner, user=user, password=PASSWORD + "2")
    change_password(acting(user), current_password=PASSWORD + "2", password=PASSWORD + "3")
    for entry in AuditEntry.objects.all():
        assert PASSWORD not in str(entry.parameters)


def test_disabling_a_sub_user_ends_its_sessions_at_once(owner: Actor, nobody: Actor) -> None:
    """ASVS 7.4.2."""
    browser = browser_of(nobody)
    assert browser.get("/account/keys/").status_code == 200

    modify_sub_user(owner, user=user_of(nobody), enabled=False)

    assert browser.get("/account/keys/").status_code == 302


def test_a_new_password_ends_the_sessions_of_the_old_one(owner: Actor, nobody: Actor) -> None:
    """ASVS 7.4.3."""
    browser = browser_of(nobody)
    modify_sub_user(owner, user=user_of(nobody), password=PASSWORD)
    assert browser.get("/account/keys/").status_code == 302


def test_only_what_is_said_is_changed(owner: Actor, nobody: Actor) -> None:
    before = user_of(nobody)
    after = modify_sub_user(owner, user=user_of(nobody), remark="on leave")
    assert (after.remark, after.is_active, after.password) == (
        "on leave",
        before.is_active,
        before.password,
    )


def test_a_deleted_sub_user_is_gone_and_its_audit_entries_stay(owner: Actor, nobody: Actor) -> None:
    change_language(nobody, language="en")
    delete_sub_user(owner, user=user_of(nobody))
    assert not User.objects.filter(uin=nobody.uin).exists()
    assert AuditEntry.objects.filter(actor_uin=nobody.uin).count() == 1


def test_the_list_shows_the_sub_users_of_the_own_account(
    owner: Actor, outsider: Actor, reader: Actor, nobody: Actor
) -> None:
    assert [user.username for user in describe_sub_users(owner)] == ["nobody", "reader"]
    assert describe_sub_users(outsider) == []


@pytest.mark.parametrize(
    "action",
    [
        "CreateSubUser",
        "DescribeSubUsers",
        "ModifySubUser",
        "DeleteSubUser",
        "CreateRightsPolicy",
        "DescribeRightsPolicies",
        "DeleteRightsPolicy",
        "AttachRightsPolicy",
        "DetachRightsPolicy",
    ],
)
def test_the_mqtt_presets_give_no_power_over_accounts(owner: Actor, action: str) -> None:
    """SECURITY C9."""
    full = acting(make_sub_user(user_of(owner), "QcloudMQTTFullAccess"))
    target = user_of(owner)
    record = REGISTRY[action]
    assert not full.may(record.full_name, record.resource(full, {"user": target}))


def test_a_sub_user_of_another_account_is_as_unknown_as_one_that_does_not_exist(
    outsider: Actor, nobody: Actor
) -> None:
    """SECURITY C7."""
    refusals = []
    for name in ("nobody", "does-not-exist"):
        with pytest.raises(ActionError) as caught:
            FORMS["DeleteSubUser"].from_parameters({"Username": name}).perform(outsider)
        refusals.append((caught.value.full_code, caught.value.message.replace(name, "X")))
    assert refusals[0] == refusals[1]


def test_the_owner_is_no_sub_user_and_cannot_be_changed_as_one(keeper: Actor) -> None:
    for action in ("ModifySubUser", "DeleteSubUser"):
        with pytest.raises(ActionError) as caught:
            FORMS[action].from_parameters({"Username": "owner"}).perform(keeper)
        assert caught.value.full_code == "ResourceNotFound.User"


def test_a_keeper_of_users_cannot_change_himself(keeper: Actor) -> None:
    """SECURITY C9."""
    with pytest.raises(UnauthorizedOperation, match="his own rights"):
        modify_sub_user(keeper, user=user_of(keeper), enabled=True)
    with pytest.raises(UnauthorizedOperation, match="his own rights"):
        delete_sub_user(keeper, user=user_of(keeper))


def test_a_keeper_of_users_cannot_take_over_who_may_do_more(owner: Actor, keeper: Actor) -> None:
    """SECURITY C9: a new password would lend the other's rights."""
    admin = make_sub_user(user_of(owner), "QcloudMQTTFullAccess")
    with pytest.raises(UnauthorizedOperation, match="QcloudMQTTFullAccess"):
        modify_sub_user(keeper, user=admin, password=PASSWORD)
    assert not User.objects.get(pk=admin.pk).has_usable_password()


def test_a_keeper_of_users_keeps_those_who_may_do_no_more(owner: Actor, keeper: Actor) -> None:
    reader = make_sub_user(user_of(owner), "QcloudMQTTReadOnlyAccess")
    assert modify_sub_user(keeper, user=reader, password=PASSWORD).has_usable_password()


@pytest.mark.usefixtures("empty_cache")
def test_ones_own_password_needs_the_current_one(nobody: Actor) -> None:
    user = user_of(nobody)
    user.set_password(PASSWORD)
    user.save()
    with pytest.raises(InvalidParameterValue) as caught:
        change_password(nobody, current_password="wrong", password=PASSWORD + "2")
    assert caught.value.field == "current_password"
    changed = change_password(nobody, current_password=PASSWORD, password=PASSWORD + "2")
    assert changed.check_password(PASSWORD + "2")


@pytest.mark.usefixtures("empty_cache")
def test_guessing_the_current_password_ends_soon(nobody: Actor) -> None:
    """A stolen session shall not find the password out (ASVS 6.3.1)."""
    for _attempt in range(10):
        with pytest.raises(InvalidParameterValue):
            change_password(nobody, current_password="wrong", password=PASSWORD)
    with pytest.raises(RequestLimitExceeded):
        change_password(nobody, current_password="wrong", password=PASSWORD)


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("CreateSubUser", {}, "MissingParameter"),
        ("CreateSubUser", {"Username": "ab"}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": "-ada"}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": "a" * 65}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": "ada\n"}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": "<img>"}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": 1}, "InvalidParameter"),
        ("CreateSubUser", {"Username": "ada", "IsOwner": True}, "UnknownParameter"),
        ("CreateSubUser", {"Username": "ada", "Password": "x" * 129}, "InvalidParameterValue"),
        ("CreateSubUser", {"Username": "ada", "Remark": "x" * 129}, "InvalidParameterValue"),
        ("ModifySubUser", {"Username": "nobody", "Enabled": "no"}, "InvalidParameter"),
        ("ModifySubUser", {"Username": "nobody", "Owner": "me"}, "UnknownParameter"),
        ("ModifySubUser", {"Enabled": True}, "MissingParameter"),
        ("DeleteSubUser", {"Username": "unknown"}, "ResourceNotFound.User"),
        ("ChangePassword", {"Password": PASSWORD}, "MissingParameter"),
        ("ChangeLanguage", {"Language": "tlh"}, "InvalidParameterValue"),
    ],
)
def test_bad_input_is_refused_with_its_code_and_changes_nothing(
    owner: Actor, nobody: Actor, action: str, parameters: dict[str, object], code: str
) -> None:
    before = list(User.objects.values())
    with pytest.raises(ActionError) as caught:
        FORMS[action].from_parameters(parameters).perform(owner)
    assert caught.value.full_code == code
    assert list(User.objects.values()) == before


def test_a_new_remark_gives_no_old_password_back(owner: Actor) -> None:
    """SECURITY C13: what was read before another change must not undo that change."""
    read_before = create_sub_user(owner, username="ada", password=PASSWORD)
    modify_sub_user(owner, user=user_of(acting(read_before)), enabled=False, password=PASSWORD * 2)

    modify_sub_user(owner, user=read_before, remark="night shift")

    now = User.objects.get(pk=read_before.pk)
    assert check_password(PASSWORD * 2, now.password)
    assert (now.is_active, now.remark) == (False, "night shift")


def test_a_keeper_of_users_cannot_delete_someone_who_may_do_more(
    owner: Actor, keeper: Actor, nobody: Actor
) -> None:
    """SECURITY C9."""
    stronger = make_sub_user(user_of(owner), "QcloudMQTTFullAccess", username="stronger")
    with pytest.raises(UnauthorizedOperation, match="cannot give rights"):
        delete_sub_user(keeper, user=stronger)
    delete_sub_user(keeper, user=user_of(nobody))
    assert User.objects.filter(username="stronger").exists()
    assert not User.objects.filter(username="nobody").exists()
