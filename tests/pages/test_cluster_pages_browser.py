"""The pages of clusters in a real browser: keyboard, dialogs, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Window, chromium, window
from tests.live_console import LiveConsole

__all__ = ["chromium", "window"]
"""Fixtures of ``tests.browser`` that this module uses."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def page(window: Window, live_console: LiveConsole) -> Page:
    """A page in which the owner is signed in; the test fails when anything went wrong in it."""
    live_console.sign_in(window.page)
    return window.page


@pytest.fixture
def plain_page(chromium: Browser, live_console: LiveConsole) -> Iterator[Page]:
    """As ``page``, with scripts switched off."""
    context = chromium.new_context(java_script_enabled=False, locale="en-GB")
    plain = context.new_page()
    live_console.sign_in(plain)
    yield plain
    context.close()


def test_a_cluster_is_created_with_the_keyboard_alone(page: Page, live_console: LiveConsole):
    page.goto(f"{live_console.address}/clusters/create/")

    page.get_by_role("radio", name="Basic For").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Professional")).to_be_checked()
    expect(page.get_by_role("radio", name="basic_2k")).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="pro_10k")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("by-keyboard")
    summary = page.locator("#create-summary")
    expect(summary).to_contain_text("by-keyboard")
    expect(summary).to_contain_text("pro_10k")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="by-keyboard")).to_contain_text("Creating")
    expect(page.locator(".steps-item")).to_have_count(4)
    page.reload()
    expect(page.get_by_role("heading", name="Creating the cluster")).to_be_visible()


def test_a_refused_form_shows_the_message_at_its_field(page: Page, live_console: LiveConsole):
    page.goto(f"{live_console.address}/clusters/create/")
    page.get_by_label("Cluster name").fill("no spaces")
    page.get_by_role("button", name="Create cluster").click()

    field = page.get_by_label("Cluster name")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("no spaces")
    expect(page.locator(".field-error")).to_contain_text("3 to 64 characters")


def test_slash_searches_and_the_table_follows_without_a_reload(
    page: Page, live_console: LiveConsole
):
    page.goto(f"{live_console.address}/clusters/")
    page.locator("body").press("/")
    page.keyboard.type("north-line")

    page.get_by_label("Search ID, name or tag").fill("south")
    rows = page.locator("#cluster-table tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("south-line")
    expect(page).to_have_url(re.compile(r"search=south"))


def test_tags_are_edited_in_a_dialog_and_the_row_shows_them(page: Page, live_console: LiveConsole):
    page.goto(f"{live_console.address}/clusters/?search=north-line")
    edit = page.get_by_role("link", name="Edit tags: north-line")

    edit.click()
    dialog = page.get_by_role("dialog", name="Edit tags")
    expect(page.locator("dialog:modal")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    edit.click()
    dialog.get_by_role("button", name="Add a tag").click()
    page.keyboard.type("team")
    page.keyboard.press("Tab")
    page.keyboard.type("<b>line</b>")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#cluster-table")).to_contain_text("team: <b>line</b>")
    expect(page.locator("[data-toasts]")).to_contain_text("The tags are saved.")


def test_a_switch_that_opens_everything_warns_before_it_is_saved(
    page: Page, live_console: LiveConsole
):
    page.goto(f"{live_console.address}/clusters/?search=south-line")
    page.get_by_role("link", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog", name="Edit cluster")
    warning = dialog.get_by_text("may publish and subscribe to everything")

    expect(warning).to_be_hidden()
    dialog.get_by_label("Authorization policies decide").uncheck()
    expect(warning).to_be_visible()


def test_deletion_asks_twice_and_then_shows_its_progress(page: Page, live_console: LiveConsole):
    page.goto(f"{live_console.address}/clusters/?search=to-be-deleted")
    page.get_by_role("button", name="More: to-be-deleted").click()
    page.get_by_role("link", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete cluster")
    last = dialog.locator("[data-confirm-submit]")

    expect(last).to_be_hidden()
    dialog.locator("[data-confirm-next]").click()
    expect(last).to_be_disabled()
    dialog.get_by_label("To go on, type: to-be-deleted").fill("to-be-deleted")
    last.click()

    expect(page.get_by_role("heading", name="Deleting the cluster")).to_be_visible()


def test_a_cluster_is_created_and_edited_without_scripts(
    plain_page: Page, live_console: LiveConsole
):
    page = plain_page
    page.goto(f"{live_console.address}/clusters/create/")
    page.get_by_role("radio", name="Professional").check()
    page.get_by_role("radio", name="pro_20k").check()
    page.get_by_label("Cluster name").fill("without-scripts")
    page.get_by_role("button", name="Create cluster").click()
    expect(page.get_by_role("heading", name="without-scripts")).to_be_visible()

    page.goto(f"{live_console.address}/clusters/?search=south-line")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Description").fill("set without scripts")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#cluster-aside")).to_contain_text("set without scripts")


def test_the_list_fits_a_window_of_1280_pixels(page: Page, live_console: LiveConsole):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{live_console.address}/clusters/")

    width, room = page.evaluate(
        "['.cluster-list', '.table-scroll'].map((s) => document.querySelector(s).scrollWidth)"
    )
    assert width <= room
