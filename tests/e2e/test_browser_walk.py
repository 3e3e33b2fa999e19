"""The whole way through the product in a real browser, with real MQTT clients beside it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser import Window, chromium, window
from tests.e2e.console import ClusterPages, Console
from tests.e2e.product import OWNER, PASSWORD, Product
from tests.node.devices import Device

__all__ = ["chromium", "window"]  # fixtures
pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(180)]

NewDevice = Callable[..., Device]
PHONE = {"username": "phone", "password": "in-my-pocket"}


@pytest.fixture
def console(product: Product, window: Window) -> Console:
    """The owner, in front of the sign-in page."""
    return Console(window, product.address)


def test_a_person_walks_from_the_front_door_to_a_message_and_back(
    console: Console, new_device: NewDevice
) -> None:
    console.sign_in(OWNER, PASSWORD)
    cluster = console.create_cluster("first-walk")
    cluster.wait_until_running()
    cluster.create_topic("home")
    cluster.create_user(**PHONE)
    cluster.allow_everything("phone-may-all", "phone")
    old_phone = connect_while_the_list_is_open(cluster, new_device, version=4)
    new_phone = connect_while_the_list_is_open(cluster, new_device, version=5)
    talk(old_phone, new_phone)
    read_the_trace_of_a_test_message(cluster, "phone-v5", new_phone)
    kick(cluster, "phone-v5", new_phone)
    delete(cluster)


def test_a_person_walks_the_same_way_in_chinese(console: Console, new_device: NewDevice) -> None:
    console.sign_in(OWNER, PASSWORD)
    console.read_in("zh-hans")
    cluster = console.create_cluster("second-walk")
    cluster.wait_until_running()
    cluster.create_topic("home")
    cluster.create_user(**PHONE)
    cluster.allow_everything("手机可以做一切", "phone")
    phone = connect_while_the_list_is_open(cluster, new_device, version=5)
    read_the_trace_of_a_test_message(cluster, "phone-v5", phone)
    expect(console.page.locator("html")).to_have_attribute("lang", "zh-hans")
    delete(cluster)
    console.read_in("en")


def connect_while_the_list_is_open(
    cluster: ClusterPages, new_device: NewDevice, *, version: int
) -> Device:
    port = cluster.endpoint()
    cluster.watch_clients()
    phone = new_device(port, f"phone-v{version}", version=version, **PHONE).connect()
    phone.subscribe("home/#", 1)
    cluster.is_online(f"phone-v{version}")
    cluster.console.window.assert_not_reloaded()
    return phone


def talk(one: Device, other: Device) -> None:
    assert one.publish("home/door", "open", 1)
    assert other.received.get(timeout=10) == "open"


def read_the_trace_of_a_test_message(cluster: ClusterPages, client_id: str, phone: Device) -> None:
    cluster.send_test_message("home", "lamp/1", '{"on": true}')
    assert phone.received.get(timeout=10) == '{"on": true}'
    cluster.follow_the_link_to_the_message()
    expect(cluster.page.locator("#message-body")).to_contain_text("true")
    expect(cluster.page.locator("main dl").first).to_contain_text("home/lamp/1")
    trace = cluster.page.locator("#message-trace")
    expect(trace.locator("table").first).to_contain_text(OWNER)
    expect(trace.locator(".trace-client", has_text=client_id)).to_be_visible()


def kick(cluster: ClusterPages, client_id: str, phone: Device) -> None:
    cluster.watch_clients()
    cluster.is_online(client_id)
    cluster.kick(client_id)
    assert phone.reasons.get(timeout=10).is_failure
    expect(cluster.client(client_id).locator(".pill-ok")).to_have_count(0)
    cluster.console.window.assert_not_reloaded()


def delete(cluster: ClusterPages) -> None:
    refused = cluster.ask_to_delete()
    expect(refused.locator("form")).to_have_count(0)
    refused.locator("a[href$='/topics/']").click()
    cluster.delete_topic("home")
    cluster.ask_to_delete()
    cluster.console.confirm(phrase=cluster.name)
    cluster.wait_until_gone()


def test_a_topic_is_created_by_keyboard_alone(console: Console, cloud, plant) -> None:
    console.sign_in(OWNER, PASSWORD)
    pages = ClusterPages(console, plant.id, "plant")
    pages.open("topics/")
    keyboard = console.page.keyboard
    tab_to(console, f"a[href='/clusters/{plant.id}/create-topic/']")
    keyboard.press("Enter")
    expect(console.dialog().locator("input[name=topic]")).to_be_focused()
    keyboard.type("by_hand")
    keyboard.press("Tab")
    keyboard.type("without a mouse")
    keyboard.press("Enter")
    expect(pages.topic("by_hand")).to_contain_text("without a mouse")
    expect(console.dialog()).to_have_count(0)


def tab_to(console: Console, selector: str) -> None:
    """Press Tab until the focus is there; every step has a focus to be seen."""
    for _press in range(80):
        console.page.keyboard.press("Tab")
        if console.page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with Tab")


def test_a_wrong_password_is_refused_in_words(console: Console) -> None:
    console.open("/clusters/")
    expect(console.page).to_have_url(re.compile(r"/sign-in/\?next="))
    console.page.fill("input[name=username]", OWNER)
    console.page.fill("input[name=password]", "not the password")
    console.page.press("input[name=password]", "Enter")
    expect(console.page.get_by_role("alert")).to_be_visible()
    assert "/sign-in/" in console.page.url
