"""No text that people read stands where a catalogue cannot reach it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from console.core.errors import ActionError
from console.management.catalogue import PACKAGES
from tests.architecture.files import ROOT
from tests.translations.prose import (
    ERRORS_FOR_PEOPLE,
    prose_in_python,
    prose_in_script,
    prose_in_template,
)

TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
TERMINAL = ("console/management/", "console/supervisor/")
"""What they say, they say on a terminal, in English."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and not name(path).startswith(TERMINAL):
                yield path


def errors() -> frozenset[str]:
    """Names of all errors whose message people read."""
    import_module("console.urls")
    found, rest = set(ERRORS_FOR_PEOPLE), [ActionError]
    while rest:
        kind = rest.pop()
        found.add(kind.__name__)
        rest += kind.__subclasses__()
    return frozenset(found)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_says_nothing_untranslatable(path: Path) -> None:
    assert prose_in_template(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_says_nothing_by_itself(path: Path) -> None:
    assert prose_in_script(path.read_text(encoding="utf-8")) == []


def test_no_module_says_anything_untranslatable() -> None:
    known = errors()
    found = {name(path): prose_in_python(path.read_text("utf-8"), known) for path in modules()}
    assert {where: texts for where, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello there</p>", ["Hello there"]),
        ("<p>{% translate 'Hello' %} you</p>", ["you"]),
        ("{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}", []),
        ("{% comment %}Hello{% endcomment %}{# there #}", []),
        ('<input placeholder="Search">', ['placeholder="Search"']),
        ('<button title="{% translate "Close" %}" class="button wide">×</button>', []),
        ('<img alt="A broker">', ['alt="A broker"']),
        ('<div data-text-live="Live">', ['data-text-live="Live"']),
        ('<a href="{% if x %}/a/{% else %}/b/{% endif %}" aria-label="Go on">', None),
        ("<bdi{% if mono %} class='mono'{% endif %}>{{ value }}</bdi>", []),
        ("<th>QoS</th><td>MQTT 5.0 · TLS</td>", []),
        ("<pre>mosquitto_sub -t home</pre><code>home</code>", []),
        ('{% field form.name label="The name" %}', ["The name"]),
        ('{% field form.topic placeholder="home/#" %}', []),
        ('{% include "empty.html" with icon="server-2" title="Nothing" %}', ["Nothing"]),
        ('{{ name|default:"Nobody" }}', ["Nobody"]),
        ('<span class="pill-{{ level|default:"off" }}"></span>', []),
    ],
)
def test_untranslatable_text_of_a_template_is_found(source: str, found: list[str] | None) -> None:
    expected = ['aria-label="Go on"'] if found is None else found
    assert prose_in_template(source) == expected


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise ActionError("It broke.")', ["It broke."]),
        ('raise ActionError(_("It broke."))', []),
        ('raise ActionError(_("%(n)s broke.") % {"n": n})', []),
        ('raise ActionError(f"{n} broke.")', [" broke."]),
        ('raise ActionError("%s broke." % n)', ["%s broke."]),
        ('raise ActionError("{} broke.".format(n))', ["{} broke."]),
        ('raise ValueError("a programmer reads this")', []),
        ('forms.CharField(label="User name", help_text=_("x"))', ["User name"]),
        ('forms.CharField(label="SecretId")', []),
        ('messages.info(request, "It is done.")', ["It is done."]),
        ('submit(request, done="It is done.")', ["It is done."]),
        ('rows.append({"label": "Clients", "level": "warn"})', ["Clients"]),
        ('class State(models.TextChoices):\n    ON = "ON", "Running"', ["Running"]),
        ('class State(models.TextChoices):\n    ON = "ON", _("Running")', []),
    ],
)
def test_untranslatable_text_of_a_module_is_found(source: str, found: list[str]) -> None:
    assert prose_in_python(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('element.textContent = "copied";', ["copied"]),
        ("element.textContent = element.dataset.text;", []),
        ('element.setAttribute("aria-label", "close");', ["close"]),
        ('element.setAttribute("aria-expanded", "false");', []),
        ("toast(`failed with ${status}`);", ["failed with  "]),
        ("toast(texts.refused);", []),
        ('const text = "Copied to the clipboard";', ["Copied to the clipboard"]),
        ('if (event.key === "Escape") close();', []),
        ('// Says: "Nothing was saved"\nconst a = "[data-row] input";', []),
        ('throw new Error("the browser refused to copy");', []),
        ('document.querySelector("input, textarea, select");', []),
        ('const address = "https://example.com/a";', []),
    ],
)
def test_text_of_a_script_is_found(source: str, found: list[str]) -> None:
    assert prose_in_script(source) == found
