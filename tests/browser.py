"""A real Chromium for tests, which remembers everything that went wrong on its pages.

A test module that needs it imports the fixtures ``chromium`` and ``window``::

    from tests.browser import Window, chromium, window

``chromium`` lives for one module: Playwright's loop, while it runs, is that of the main thread, and
no asynchronous test may run beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Page,
    Response,
    expect,
    sync_playwright,
)

from tests.completeness import find_program

DEADLINE_MS = 20_000
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--mute-audio"),
]
WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI || event.sample}`));
"""
"""Runs before the page's own scripts, whatever the page's policy says."""
REFUSED_FORM = re.compile(r"the server responded with a status of 422")
"""What Chromium writes to the console when htmx fetches a form that was refused."""


class Window:
    """One page of one visitor, with nothing of an earlier visitor in it."""

    def __init__(self, browser: Browser, *, locale: str = "en-GB") -> None:
        self._context = browser.new_context(
            locale=locale, viewport={"width": 1440, "height": 900}, timezone_id="Asia/Shanghai"
        )
        self._context.set_default_timeout(DEADLINE_MS)
        self._context.add_init_script(WATCH)
        self.page: Page = self._context.new_page()
        self.problems: list[str] = []
        """Errors of scripts, of the console, of the policy, of the server; dialogs of scripts."""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("response", self._on_response)

    def mark(self) -> None:
        """Remember this document, for ``assert_not_reloaded``."""
        self.page.evaluate("document.documentElement.dataset.walked = 'yes'")

    def assert_not_reloaded(self) -> None:
        """The document is still the one that was marked."""
        assert self.page.evaluate("document.documentElement.dataset.walked") == "yes"

    def close(self) -> None:
        """Close the page and forget its cookies."""
        self._context.close()

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self.page.url}: {problem}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not REFUSED_FORM.search(message.text):
            self._note(f"console: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self._note(f"{response.url} answered {response.status}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, without a picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium"), args=ARGUMENTS
        )
        expect.set_options(timeout=DEADLINE_MS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    """A window of a visitor who reads English; the test fails when anything went wrong in it."""
    window = Window(chromium)
    yield window
    window.close()
    assert window.problems == []
