"""Rights that depend on the tags a request brings (``qcs:request_tag``, CONTRACT R10)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.models import Cluster
from console.accounts.models import RightsPolicy
from console.core.actors import Actor
from tests.calls import perform, refusal_of
from tests.cast import acting, make_sub_user, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NEW: dict[str, Any] = {"InstanceType": "PRO", "SkuCode": "pro_6k", "Name": "north-1"}
PROD = [{"TagKey": "env", "TagValue": "prod"}]
TEST = [{"TagKey": "env", "TagValue": "test"}]


def limited(owner: Actor, effect: str) -> Actor:
    """A sub-user for whom tag ``env: prod`` of a request decides."""
    RightsPolicy.objects.create(
        account_uin=owner.account_uin,
        name="by-request-tag",
        document={
            "version": "2.0",
            "statement": [
                {
                    "effect": effect,
                    "action": ["mqtt:CreateInstance", "mqtt:ModifyInstanceTags"],
                    "resource": ["*"],
                    "condition": {"for_any_value:string_equal": {"qcs:request_tag": ["env&prod"]}},
                }
            ],
        },
    )
    others = ("QcloudMQTTFullAccess",) if effect == "deny" else ()
    return acting(make_sub_user(user_of(owner), *others, "by-request-tag"))


def test_a_deny_keeps_a_tag_from_being_given(owner: Actor) -> None:
    helper = limited(owner, "deny")
    refusal = refusal_of(helper, "CreateInstance", **NEW, TagList=PROD)
    assert refusal.full_code == "UnauthorizedOperation"
    assert not Cluster.objects.exists()
    perform(helper, "CreateInstance", **NEW, TagList=TEST)


def test_an_allow_needs_its_tag(owner: Actor) -> None:
    helper = limited(owner, "allow")
    for tags in ({}, {"TagList": TEST}):
        refusal = refusal_of(helper, "CreateInstance", **NEW, **tags)
        assert refusal.full_code == "UnauthorizedOperation"
    perform(helper, "CreateInstance", **NEW, TagList=PROD)
    assert Cluster.objects.count() == 1
