"""What templates, style sheets and scripts may hold: the policy and the house rules last."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
COMPONENTS = sorted((ROOT / "templates" / "components").glob("*.html"))
STYLES = sorted((STATIC / "css").rglob("*.css"))
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
MOST_SCRIPT_LINES = 120

INLINE = re.compile(
    r"""<style|\sstyle\s*=|<script(?![^>]*\ssrc=)|\son[a-z]+\s*=\s*["']|javascript:|hx-on|["']js:""",
    re.IGNORECASE,
)
UNSAFE = re.compile(r"\|\s*safe\b|autoescape\s+off|\|\s*safeseq")
ICON = re.compile(r"{%\s*icon\s+\"([a-z0-9-]+)\"|\bicon=\"([a-z0-9-]+)\"")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _manifest() -> dict[str, str]:
    lines = (STATIC / "vendor" / "MANIFEST").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {file: sha256 for _package, _version, _licence, sha256, file in rows}


def _css_without_comments(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def test_every_vendored_file_is_the_one_of_the_manifest() -> None:
    """A changed library would run with the rights of the page."""
    found = {file: hashlib.sha256((STATIC / file).read_bytes()).hexdigest() for file in _manifest()}

    assert found == _manifest()


def test_nothing_is_vendored_without_a_line_in_the_manifest() -> None:
    present = {
        str(path.relative_to(STATIC))
        for folder in ("vendor", "fonts")
        for path in (STATIC / folder).iterdir()
        if path.name != "MANIFEST" and not path.name.endswith("LICENSE.txt")
    }

    assert present <= set(_manifest())


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_holds_no_inline_script_or_style(path: Path) -> None:
    assert INLINE.findall(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_escapes_everything(path: Path) -> None:
    """C1: topics, client ids, payloads and remarks are text."""
    assert UNSAFE.findall(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_every_icon_of_a_template_is_in_the_sprite(path: Path) -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons" / "sprite.svg").read_text()))
    wanted = {first or second for first, second in ICON.findall(path.read_text())}

    assert wanted - sprite == set()


@pytest.mark.parametrize("path", COMPONENTS, ids=_name)
def test_a_component_says_what_it_is_and_takes(path: Path) -> None:
    opening = path.read_text().partition("{% endcomment %}")[0]

    assert "{% comment %}" in opening


@pytest.mark.parametrize("path", STYLES, ids=_name)
def test_a_style_sheet_has_no_ids_and_nothing_important(path: Path) -> None:
    text = _css_without_comments(path)
    selectors = re.findall(r"([^{}]+)\{", text)

    assert "!important" not in text
    assert [selector for selector in selectors if re.search(r"#[a-zA-Z_]", selector)] == []


@pytest.mark.parametrize("path", [p for p in STYLES if p.name != "tokens.css"], ids=_name)
def test_colours_stand_in_the_tokens_only(path: Path) -> None:
    colours = re.findall(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\(", _css_without_comments(path))

    assert colours == []


@pytest.mark.parametrize("path", [p for p in STYLES if p.name != "tokens.css"], ids=_name)
def test_every_token_that_is_used_exists(path: Path) -> None:
    defined = set(re.findall(r"(--[a-z0-9-]+):", (STATIC / "css" / "tokens.css").read_text()))
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", path.read_text()))

    assert used - defined == set()


def test_every_style_sheet_is_imported() -> None:
    main = STATIC / "css" / "main.css"
    imported = set(re.findall(r'@import url\("([^"]+)"\)', main.read_text()))
    present = {str(path.relative_to(main.parent)) for path in STYLES if path != main}

    assert imported == present


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_is_short_and_writes_no_markup(path: Path) -> None:
    """C1: what comes over the wire enters the page through textContent or htmx, never as HTML."""
    text = path.read_text()

    assert len(text.splitlines()) <= MOST_SCRIPT_LINES
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []


def test_every_script_is_loaded() -> None:
    loaded = (STATIC / "js" / "main.js").read_text()
    loaded += (ROOT / "templates" / "components" / "head.html").read_text()
    loaded += "".join(path.read_text() for path in SCRIPTS if path.name != "main.js")

    assert [path.name for path in SCRIPTS if path.name not in loaded] == []
