"""Reads a page as a browser would: what is text, what is markup."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

HTMX = {"HX-Request": "true"}
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{7*7}}{% debug %}",
    '" hx-get="/evil" hx-trigger="load',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "rtl\u202egpj.exe",
    "two\nlines\tapart",
)
"""What a device may call itself, its topics and its properties (SECURITY C1, C2)."""
EVIL_TAGS = {"img", "iframe", "object", "embed"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.is_input = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

        self.is_input = tag == "textarea"

    def handle_data(self, data: str) -> None:
        if not self.is_input:  # what the reader typed stays as it was typed
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.is_input = False


def read(page: str) -> _Reader:
    """Elements and texts of a page."""
    reader = _Reader()
    reader.feed(page)
    return reader


def text_of(page: str) -> str:
    """What a person reads."""
    return " ".join(" ".join(read(page).texts).split())


def assert_harmless(page: str) -> None:
    """No device text became an element, an attribute, a template or a turn of the direction."""
    reader = read(page)
    for tag, attributes in reader.elements:
        assert tag not in EVIL_TAGS, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.get("hx-get") != "/evil", (tag, attributes)
        for name in ("href", "src", "action"):
            assert not (attributes.get(name) or "").startswith("javascript:"), (tag, attributes)
        if tag == "script":
            assert (attributes.get("src") or "").startswith("/static/"), attributes
    assert "\u202e" not in "".join(reader.texts)
    assert "{{49}}" not in page


def rows_of(content: bytes) -> list[list[str]]:
    """Rows of a download, its head first."""
    body = content.decode().removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(body, newline="")))


def queries_of(browser: Client, address: str) -> int:
    """How often a page asks the database."""
    browser.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(address).status_code == 200
    return len(asked)


def assert_leads_to_sign_in(address: str) -> None:
    """Who is signed out is led to the sign-in page."""
    for answer in (Client().get(address), Client().post(address)):
        if answer.status_code != 405:
            assert answer.status_code == 302
            assert answer["Location"].startswith("/sign-in/")


def assert_unknown(browser: Client, address: str) -> None:
    """A cluster of another account is as unknown as none (SECURITY C7)."""
    answer = browser.get(address)
    assert answer.status_code == 404
    assert "ResourceNotFound.Instance" in answer.text
