"""API keys: at most two, shown once, sealed, and only one's own."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from console.accounts.credentials import find_credential, note_use
from console.accounts.models import ApiKey, PolicyAttachment
from console.accounts.payloads import create_access_key as present_new
from console.accounts.selectors import describe_access_keys
from console.accounts.services.access_keys import (
    create_access_key,
    delete_access_key,
    modify_access_key,
)
from console.accounts.services.rights import create_rights_policy
from console.accounts.services.users import modify_sub_user
from console.core.actors import Actor
from console.core.errors import (
    ActionError,
    LimitExceeded,
    ResourceNotFound,
    UnauthorizedOperation,
)
from console.core.forms import FORMS
from console.core.models import AuditEntry
from console.core.secrets import SecretUnreadable
from tests.cast import acting, make_sub_user, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def new_key(actor: Actor) -> ApiKey:
    return create_access_key(actor, user=user_of(actor)).key


def test_the_secret_is_in_the_answer_of_its_making_and_nowhere_else(owner: Actor) -> None:
    """CONTRACT R2, SECURITY C11, C12."""
    new = create_access_key(owner, user=user_of(owner))

    assert present_new(owner, new)["AccessKey"]["SecretKey"] == new.secret_key
    assert new.secret_key not in repr(new)
    assert new.secret_key.encode() not in bytes(new.key.sealed_key)
    assert all(new.secret_key not in str(vars(entry)) for entry in AuditEntry.objects.all())
    listed = FORMS["DescribeAccessKeys"].from_parameters({}).perform(owner)
    assert [key.secret_id for key in listed] == [new.key.secret_id]


def test_the_key_signs_with_its_secret(owner: Actor) -> None:
    new = create_access_key(owner, user=user_of(owner))
    found = find_credential(new.key.secret_id)
    assert found == (new.key, new.secret_key)


def test_a_secret_that_was_moved_to_another_key_is_unreadable(owner: Actor) -> None:
    first, second = new_key(owner), new_key(owner)
    ApiKey.objects.filter(pk=second.pk).update(sealed_key=first.sealed_key)
    with pytest.raises(SecretUnreadable):
        find_credential(second.secret_id)


def test_a_user_has_two_keys_and_no_more(owner: Actor) -> None:
    """CONTRACT R2."""
    first, _second = new_key(owner), new_key(owner)
    with pytest.raises(LimitExceeded, match="2 API keys"):
        new_key(owner)
    delete_access_key(owner, key=first)
    new_key(owner)


def test_every_sub_user_keeps_its_own_keys(nobody: Actor) -> None:
    key = new_key(nobody)
    assert describe_access_keys(nobody, user=user_of(nobody)) == [key]
    modify_access_key(nobody, key=key, enabled=False)
    delete_access_key(nobody, key=key)
    assert not ApiKey.objects.exists()


def test_a_deny_takes_even_that_away(owner: Actor, nobody: Actor) -> None:
    document = {
        "version": "2.0",
        "statement": [{"effect": "deny", "action": ["cam:CreateAccessKey"], "resource": ["*"]}],
    }
    create_rights_policy(owner, policy_name="no-keys", policy_document=document)
    PolicyAttachment.objects.create(user=user_of(nobody), policy_name="no-keys")
    with pytest.raises(UnauthorizedOperation):
        new_key(acting(user_of(nobody)))


def test_a_colleague_cannot_touch_ones_keys(nobody: Actor, reader: Actor) -> None:
    key = new_key(nobody)
    for act in (
        lambda: create_access_key(reader, user=user_of(nobody)),
        lambda: describe_access_keys(reader, user=user_of(nobody)),
        lambda: modify_access_key(reader, key=key, enabled=False),
        lambda: delete_access_key(reader, key=key),
    ):
        with pytest.raises(UnauthorizedOperation):
            act()
    assert ApiKey.objects.filter(enabled=True).count() == 1


def test_the_owner_keeps_the_keys_of_sub_users(owner: Actor, nobody: Actor) -> None:
    key = create_access_key(owner, user=user_of(nobody)).key
    assert key.user == user_of(nobody)
    modify_access_key(owner, key=key, enabled=False)
    delete_access_key(owner, key=key)


@pytest.mark.parametrize("stronger", ["owner", "QcloudMQTTFullAccess"])
def test_a_keeper_gets_no_key_of_who_may_do_more(owner: Actor, stronger: str) -> None:
    """SECURITY C9."""
    document = {
        "version": "2.0",
        "statement": [{"effect": "allow", "action": ["cam:*"], "resource": ["*"]}],
    }
    create_rights_policy(owner, policy_name="keeper", policy_document=document)
    keeper = acting(make_sub_user(user_of(owner), "keeper"))
    target = user_of(owner) if stronger == "owner" else make_sub_user(user_of(owner), stronger)
    with pytest.raises(UnauthorizedOperation):
        create_access_key(keeper, user=target)
    assert not ApiKey.objects.exists()


def test_keys_of_another_account_are_unknown(owner: Actor, outsider: Actor) -> None:
    """SECURITY C7."""
    key = new_key(owner)
    for action, parameters in (
        ("DeleteAccessKey", {"SecretId": key.secret_id}),
        ("ModifyAccessKey", {"SecretId": key.secret_id, "Enabled": False}),
        ("CreateAccessKey", {"Username": "owner"}),
        ("DescribeAccessKeys", {"Username": "owner"}),
    ):
        with pytest.raises(ResourceNotFound):
            FORMS[action].from_parameters(parameters).perform(outsider)
    assert ApiKey.objects.filter(enabled=True).count() == 1


def test_a_disabled_key_and_a_disabled_users_key_are_no_credentials(
    owner: Actor, nobody: Actor
) -> None:
    key = new_key(nobody)
    modify_access_key(nobody, key=key, enabled=False)
    assert find_credential(key.secret_id) is None
    modify_access_key(nobody, key=key, enabled=True)
    assert find_credential(key.secret_id)
    modify_sub_user(owner, user=user_of(nobody), enabled=False)
    assert find_credential(key.secret_id) is None


def test_the_last_use_is_noted_at_most_once_a_minute(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.datetime(2026, 10, 10, tzinfo=datetime.UTC)
    key = new_key(owner)
    noted = []
    for second in (0, 30, 59, 60, 90):
        moment = now + datetime.timedelta(seconds=second)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        key.refresh_from_db()
        note_use(key)
        key.refresh_from_db()
        noted.append(key.last_used_at)
    assert [(moment - now).total_seconds() for moment in noted if moment] == [0, 0, 0, 60, 60]


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("CreateAccessKey", {"Username": "unknown"}, "ResourceNotFound.User"),
        ("CreateAccessKey", {"Username": 1}, "InvalidParameter"),
        ("CreateAccessKey", {"SecretKey": "mine"}, "UnknownParameter"),
        ("ModifyAccessKey", {"Enabled": True}, "MissingParameter"),
        ("ModifyAccessKey", {"SecretId": "AKIDx", "Enabled": 1}, "InvalidParameter"),
        ("ModifyAccessKey", {"SecretId": "AKIDx"}, "MissingParameter"),
        ("ModifyAccessKey", {"SecretId": "AKIDx", "Enabled": True}, "ResourceNotFound"),
        ("DeleteAccessKey", {"SecretId": "x" * 65}, "InvalidParameterValue"),
        ("DeleteAccessKey", {}, "MissingParameter"),
    ],
)
def test_bad_input_is_refused_with_its_code(
    owner: Actor, action: str, parameters: dict[str, object], code: str
) -> None:
    with pytest.raises(ActionError) as caught:
        FORMS[action].from_parameters(parameters).perform(owner)
    assert caught.value.full_code == code
