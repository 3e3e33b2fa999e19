"""Forms of actions: the same check for a page, the API and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.http import QueryDict

from console.core.actions import REGISTRY, account_resource, action
from console.core.actors import Actor, system_actor
from console.core.errors import (
    ActionError,
    InvalidParameter,
    InvalidParameterValue,
    LimitExceeded,
    MissingParameter,
    UnknownParameter,
)
from console.core.forms import FORMS, ActionForm

SYSTEM = system_actor("100000000001")


@pytest.fixture
def thing_form() -> Iterator[type[ActionForm]]:
    actions, known = dict(REGISTRY), dict(FORMS)

    @action("DescribeThing", resource=account_resource, kind="read")
    def describe_thing(actor: Actor, /, **given: Any) -> dict[str, Any]:
        if given["name"] == "refused":
            raise LimitExceeded("too many", field="name")
        if given["name"] == "elsewhere":
            raise LimitExceeded("too many", field="not_a_field")
        return given

    class DescribeThingForm(ActionForm):
        function = staticmethod(describe_thing)
        api_names = {"qos": "QOS"}
        name = forms.CharField(max_length=9)
        qos = forms.IntegerField(min_value=0, max_value=2, required=False)
        retain = forms.BooleanField(required=False)
        kinds = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], required=False)

    yield DescribeThingForm
    REGISTRY.clear()
    REGISTRY.update(actions)
    FORMS.clear()
    FORMS.update(known)


def test_a_form_without_an_action_is_refused_at_import() -> None:
    with pytest.raises(TypeError, match="no action NeverHeardOf"):

        class NeverHeardOfForm(ActionForm):
            pass


def test_parameters_go_by_their_api_names(thing_form: type[ActionForm]) -> None:
    form = thing_form.from_parameters({"Name": "x", "QOS": 1, "Retain": True, "Kinds": ["a"]})
    assert form.perform(SYSTEM) == {"name": "x", "qos": 1, "retain": True, "kinds": ["a"]}


def test_only_given_parameters_reach_the_action(thing_form: type[ActionForm]) -> None:
    assert thing_form.from_parameters({"Name": "x"}).perform(SYSTEM) == {"name": "x"}


def test_null_is_not_given(thing_form: type[ActionForm]) -> None:
    assert thing_form.from_parameters({"Name": "x", "QOS": None}).perform(SYSTEM) == {"name": "x"}


def test_an_unknown_parameter_is_refused_with_those_that_are_known(
    thing_form: type[ActionForm],
) -> None:
    with pytest.raises(UnknownParameter, match=r"Nmae .* Name, QOS, Retain, Kinds"):
        thing_form.from_parameters({"Nmae": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Name", 1),
        ("Name", ["x"]),
        ("Name", {"a": 1}),
        ("Name", True),
        ("QOS", "1"),
        ("QOS", 1.0),
        ("QOS", True),
        ("Retain", "true"),
        ("Retain", 1),
        ("Kinds", "a"),
        ("Kinds", {"a": 1}),
    ],
)
def test_a_value_of_the_wrong_json_type_is_refused_by_name(
    thing_form: type[ActionForm], name: str, value: object
) -> None:
    with pytest.raises(InvalidParameter, match=name) as caught:
        thing_form.from_parameters({"Name": "x", name: value})
    assert thing_form.api_name(caught.value.field) == name


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({}, "MissingParameter", "name"),
        ({"Name": ""}, "MissingParameter", "name"),
        ({"Name": "x" * 10}, "InvalidParameterValue", "name"),
        ({"Name": "a\0b"}, "InvalidParameterValue", "name"),
        ({"Name": "x", "QOS": 3}, "InvalidParameterValue", "qos"),
        ({"Name": "x", "Kinds": ["c"]}, "InvalidParameterValue", "kinds"),
    ],
)
def test_a_bad_value_is_refused_with_its_field(
    thing_form: type[ActionForm], parameters: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises((MissingParameter, InvalidParameterValue)) as caught:
        thing_form.from_parameters(parameters).perform(SYSTEM)
    assert (caught.value.full_code, caught.value.field) == (code, field)
    assert thing_form.api_name(field) in caught.value.message


def test_a_page_says_no_with_an_absent_tick_box(thing_form: type[ActionForm]) -> None:
    form = thing_form(QueryDict("name=x&qos=2"))
    assert form.perform(SYSTEM) == {"name": "x", "qos": 2, "retain": False, "kinds": []}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "place"), [("refused", "name"), ("elsewhere", "__all__")])
def test_a_refusal_of_the_action_stands_at_its_field(
    thing_form: type[ActionForm], name: str, place: str
) -> None:
    form = thing_form(QueryDict(f"name={name}"))
    with pytest.raises(ActionError):
        form.perform(SYSTEM)
    assert form.errors == {place: ["too many"]}
