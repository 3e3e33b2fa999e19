"""Text is readable in both themes: WCAG 2.2, 1.4.3 (AA), computed from the tokens themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
TEXT_RATIO = 4.5
GRAPHIC_RATIO = 3.0
"""WCAG 1.4.11, for lines of charts and bars of meters."""

SURFACES = ("bg", "side", "panel", "panel-2", "hover", "selected")
TEXT_PAIRS = [
    *((text, surface) for text in ("fg", "fg-2", "fg-3") for surface in SURFACES),
    *((text, surface) for text in ("accent", "bad") for surface in ("panel", "panel-2", "hover")),
    *((state, f"{state}-bg") for state in ("ok", "warn", "bad", "info", "accent")),
    *(("fg", f"{state}-bg") for state in ("ok", "warn", "bad", "info")),
    *(("on-accent", fill) for fill in ("accent", "accent-2", "bad", "bad-2")),
    ("fg-2", "off-bg"),
    ("accent", "selected"),
]
GRAPHIC_PAIRS = [(f"chart-{letter}", "panel") for letter in "abcd"] + [("chart-limit", "panel")]


def _colours(theme: int) -> dict[str, str]:
    pattern = r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
    found = re.findall(pattern, TOKENS.read_text())
    return {name: pair[theme] for name, *pair in found}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "surface"), TEXT_PAIRS)
def test_text_is_readable_on_its_surface(text: str, surface: str, theme: int) -> None:
    colours = _colours(theme)

    assert _contrast(colours[text], colours[surface]) >= TEXT_RATIO


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("line", "surface"), GRAPHIC_PAIRS)
def test_lines_of_charts_stand_out(line: str, surface: str, theme: int) -> None:
    colours = _colours(theme)

    assert _contrast(colours[line], colours[surface]) >= GRAPHIC_RATIO
