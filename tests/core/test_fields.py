"""Fields that several actions share: what they refuse of hostile input."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError

from authn.forms import UsernamesField
from console.accounts.forms import PolicyDocumentField
from console.core.fields import FiltersField, TagFiltersField, TagsField

STATEMENT = '{"version": "2.0", "statement": [{"action": "mqtt:\\u0000"}]}'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (FiltersField("Name"), [{"Name": "Name", "Values": ["a\0b"]}]),
        (TagFiltersField(), [{"TagKey": "a\0b", "TagValues": ["c"]}]),
        (TagFiltersField(), [{"TagKey": "a", "TagValues": ["b\0c"]}]),
        (TagsField(), [{"TagKey": "a\0b", "TagValue": "c"}]),
        (TagsField(), "a: b\0c"),
        (UsernamesField(), ["a\0b"]),
        (PolicyDocumentField(), STATEMENT),
    ],
)
def test_no_field_takes_a_zero_character(field: forms.Field, value: Any) -> None:
    """SECURITY C17: PostgreSQL stores none, neither as text nor in JSON; it would fail there."""
    with pytest.raises(ValidationError):
        field.clean(value)
