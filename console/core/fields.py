"""Form fields that several actions share: filters, paging, tags, text of limited length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from django.utils.translation import gettext_lazy as _

MAX_FILTER_VALUES = 10
MAX_TAGS = 50


class FiltersField(forms.Field):
    """``Filters`` of a list action: ``[{"Name": …, "Values": [...]}]`` → filter name → values."""

    json_types: ClassVar[tuple[type, ...]] = (list,)

    def __init__(self, *names: str, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.names = names

    def to_python(self, value: Any) -> dict[str, list[str]]:
        """Read the list; unknown names and empty values are refused."""
        filters: dict[str, list[str]] = {}
        for item in value or []:
            name, values = _entry(item, "Name", "Values")
            if name not in self.names:
                raise ValidationError(
                    _("unknown filter %(name)s; known: %(known)s."),
                    params={"name": name[:80], "known": ", ".join(self.names)},
                )
            filters[name] = values
        return filters


class TagFiltersField(forms.Field):
    """``TagFilters`` of a list action: ``[{"TagKey": …, "TagValues": [...]}]`` → key → values."""

    json_types: ClassVar[tuple[type, ...]] = (list,)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> dict[str, list[str]]:
        """Read the list."""
        return dict(_entry(item, "TagKey", "TagValues") for item in value or [])


def _entry(item: Any, name_key: str, values_key: str) -> tuple[str, list[str]]:
    if not isinstance(item, dict) or set(item) - {name_key, values_key, "ExactMatch"}:
        raise ValidationError(
            _("each entry is an object with %(name)s and %(values)s."),
            params={"name": name_key, "values": values_key},
        )
    name, values = item.get(name_key), item.get(values_key)
    if not isinstance(name, str) or not name:
        raise ValidationError(_("%(name)s must be a text."), params={"name": name_key})
    if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
        raise ValidationError(_("%(name)s must be a list of texts."), params={"name": values_key})
    if not 1 <= len(values) <= MAX_FILTER_VALUES:
        raise ValidationError(
            _("%(name)s must hold 1 to %(most)s values."),
            params={"name": values_key, "most": MAX_FILTER_VALUES},
        )
    refuse_zeros(name, *values)
    return name, values


class TagsField(forms.Field):
    """Tags as JSON objects or, from a page, ``key:value`` lines; key → value."""

    json_types: ClassVar[tuple[type, ...]] = (list,)
    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> dict[str, str]:
        """Read either form; keys are unique, 1 to 127 characters, values at most 255."""
        pairs = _pairs_of_lines(value) if isinstance(value, str) else _pairs_of_objects(value or [])
        tags: dict[str, str] = {}
        for key, text in pairs:
            if not 1 <= len(key) <= 127 or len(text) > 255:
                raise ValidationError(
                    _("a tag key has 1 to 127 characters, a tag value at most 255.")
                )
            refuse_zeros(key, text)
            if key in tags:
                raise ValidationError(_("tag key %(key)s is given twice."), params={"key": key})
            tags[key] = text
        if len(tags) > MAX_TAGS:
            raise ValidationError(_("at most %(most)s tags."), params={"most": MAX_TAGS})
        return tags


def _pairs_of_lines(text: str) -> list[tuple[str, str]]:
    lines = (line.strip() for line in text.replace(",", "\n").splitlines())
    return [
        (key.strip(), value.strip())
        for key, _colon, value in (x.partition(":") for x in lines if x)
    ]


def _pairs_of_objects(items: Sequence[Any]) -> list[tuple[str, str]]:
    pairs = []
    for item in items:
        if not isinstance(item, dict) or set(item) - {"TagKey", "TagValue"}:
            raise ValidationError(_("each tag is an object with TagKey and TagValue."))
        key, value = item.get("TagKey"), item.get("TagValue", "")
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValidationError(_("TagKey and TagValue must be texts."))
        pairs.append((key, value))
    return pairs


def refuse_zeros(*texts: str) -> None:
    """Refuse a zero character, as ``CharField`` does: PostgreSQL fails on it (SECURITY C17)."""
    for text in texts:
        ProhibitNullCharactersValidator()(text)


def remark_field() -> forms.CharField:
    """A remark of at most 128 characters (CONTRACT T5, A4, Z6)."""
    return forms.CharField(label=_("Description"), max_length=128, required=False)


def offset_field() -> forms.IntegerField:
    """``Offset`` of a list action; 0 when absent."""
    return forms.IntegerField(label=_("Offset"), min_value=0, max_value=1_000_000, required=False)


def limit_field(most: int) -> forms.IntegerField:
    """``Limit`` of a list action; 20 when absent."""
    return forms.IntegerField(label=_("Limit"), min_value=1, max_value=most, required=False)


def name_validator(pattern: str, message: Any) -> RegexValidator:
    """A validator for the whole text (``$`` alone would let a final line break pass)."""
    return RegexValidator(rf"\A(?:{pattern})\Z", message)
