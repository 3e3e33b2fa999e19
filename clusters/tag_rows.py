"""The input of tags on pages: a row of two boxes for each tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

SPARE_ROWS = 2
"""Empty rows offered; scripts add more, without them the dialog is opened again."""


class TagRows(forms.Widget):
    """Reads ``<name>_key`` and ``<name>_value``, sent once a row; rows left empty do not count.

    Unlike lines of ``key: value`` it takes every tag as it is, colons and commas included.
    """

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """The rows there are and some spare ones; ``value`` is what the form was given."""
        return render_to_string(
            "clusters/_tag_rows.html",
            {"name": name, "id": (attrs or {}).get("id", ""), "rows": self._rows(value)},
        )

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> list[dict[str, str]]:
        """Tags as the cloud API writes them."""
        keys, values = _list(data, f"{name}_key"), _list(data, f"{name}_value")
        pairs = ((key.strip(), value.strip()) for key, value in zip(keys, values, strict=False))
        return [{"TagKey": key, "TagValue": value} for key, value in pairs if key or value]

    def value_omitted_from_data(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> bool:
        """Whether the page had no rows at all; rows that are all empty say "no tags"."""
        return f"{name}_key" not in data

    def id_for_label(self, id_: str) -> str:
        """The label leads to the first box."""
        return f"{id_}_1" if id_ else ""

    def _rows(self, value: Any) -> list[tuple[str, str]]:
        given = list(value.items()) if isinstance(value, dict) else []
        if isinstance(value, list):
            given = [(tag["TagKey"], tag["TagValue"]) for tag in value]
        return [*given, *[("", "")] * SPARE_ROWS]


def _list(data: Mapping[str, Any], name: str) -> list[str]:
    getlist = getattr(data, "getlist", None)
    return list(getlist(name)) if getlist else []
