"""Hostile texts of real MQTT clients and of operators, on every page there is (SECURITY C1, C2).

The window fails the test for every dialog, script error, blocked script and missing resource, so
an attempt that a policy stops fails it as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Window, chromium, window
from tests.e2e.cloud import Cloud, CloudCluster
from tests.e2e.console import ClusterPages, Console
from tests.e2e.product import OWNER, PASSWORD, Product, eventually
from tests.node.devices import Device

__all__ = ["chromium", "window"]  # fixtures
pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(240)]

NewDevice = Callable[..., Device]

POISON = (
    "<img src=x onerror=pwned=1>",
    '"><svg onload=pwned=1>',
    "</script><script>pwned=1</script>",
    "<b hx-get='/sign-out/' hx-trigger='load' hx-on:load='pwned=1'>{{7*7}}${7*7}</b>",
    "<i id=client-table hx-swap-oob=outerHTML data-hx-get=/x>javascript:pwned=1</i>",
)
TRAP = """
Object.defineProperty(window, "pwned", { set() { console.error("a hostile script ran"); } });
"""
OWN_PART = re.compile(r"mqtt-[a-z0-9]{8}|[0-9A-F]{16}|(?<=/)\d+(?=/)|(?<==)[^&]*")
"""What differs between the addresses of pages of one kind."""
MOST_OF_A_KIND = 2
LEFT_OUT = re.compile(r"/sign-out/|/body/$|format=csv|page_size=|^/static/")
"""Ends of the walk, files, and the same page with other numbers of rows."""


@pytest.fixture(scope="module")
def poisoned(cloud: Cloud) -> CloudCluster:
    """A cluster in whose every text an operator wrote something hostile."""
    cluster = cloud.create_running_cluster("poisoned", Remark=POISON[0])
    cluster.call("CreateTopic", Topic="home", Remark=POISON[1])
    cluster.call("CreateUser", Username="device", Password="secret", Remark=POISON[2])
    cluster.call(
        "CreateAuthorizationPolicy",
        PolicyName="allow-all",
        Priority=1,
        Effect="allow",
        Actions="connect,pub,sub",
        Remark=POISON[3],
    )
    return cluster


def test_the_window_sees_an_attack_that_works(product: Product, chromium: Browser) -> None:
    """What the other test relies on."""
    window = Window(chromium)
    window.page.add_init_script(TRAP)
    Console(window, product.address).open("/sign-in/")
    window.page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", POISON[0])
    window.page.wait_for_event("console", lambda message: "404" in message.text)
    window.page.evaluate("pwned = 1")
    window.close()
    problems = "\n".join(window.problems)
    for expected in ("a hostile script ran", "CSP: script-src-attr blocked inline", "404"):
        assert expected in problems


def test_hostile_texts_show_as_text_on_every_page(
    product: Product, window: Window, poisoned: CloudCluster, new_device: NewDevice
) -> None:
    window.page.add_init_script(TRAP)
    console = Console(window, product.address)
    console.sign_in(OWNER, PASSWORD)
    attack(poisoned, new_device)
    meet_an_attacker_while_the_list_is_open(console, poisoned, new_device)
    seen = crawl(console, start=["/overview/", *addresses(poisoned)])
    for page in ("clients/", "clients/detail/", "messages/", "topics/", "users/", "policies/"):
        assert any(f"/{page}" in path for path in seen), f"{page} was not seen: {sorted(seen)}"
    search(console, poisoned)


def attack(cluster: CloudCluster, new_device: NewDevice) -> None:
    port = cluster.port
    for number, text in enumerate(POISON):
        device = new_device(port, text).connect()
        device.subscribe(f"home/{text}/#", 1)
        evil = [(text, text)]
        assert device.publish(f"home/{text}", f"<html>{text}</html>", 1, user_properties=evil)
        assert device.publish(f"{text}/outside/{number}", text, 1, retain=True)
    stranger = new_device(port, POISON[0], username=POISON[1], password=POISON[2])
    with pytest.raises(AssertionError, match="refused"):
        stranger.connect()
    eventually(lambda: len(cluster.messages("home/#", 0)) == len(POISON), "all is in the log")


def meet_an_attacker_while_the_list_is_open(
    console: Console, cluster: CloudCluster, new_device: NewDevice
) -> None:
    pages = ClusterPages(console, cluster.id, "poisoned")
    pages.open()
    pages.watch_clients()
    late = f"late {POISON[0]}"
    new_device(cluster.port, late).connect()
    expect(console.page.locator("#client-table")).to_contain_text(late)
    for text in POISON:
        expect(console.page.locator("#client-table")).to_contain_text(text)
    console.window.assert_not_reloaded()


def addresses(cluster: CloudCluster) -> list[str]:
    """The cluster, its poisoned clients, and what they published."""
    clients = [f"clients/detail/?client={quote(text, safe='')}" for text in POISON]
    messages = [f"messages/{found.MessageId}/" for found in cluster.messages("#", 0)]
    return [f"/clusters/{cluster.id}/{path}" for path in ("", *clients, *messages)]


def crawl(console: Console, *, start: list[str]) -> set[str]:
    """Open every page that a link leads to, a few of each kind; return their addresses."""
    page = console.page
    waiting, seen, kinds = start, set(start), Counter[str]()
    while waiting:
        path = waiting.pop(0)
        console.open(path)
        page.wait_for_load_state()
        assert "/sign-in/" not in page.url, f"{path} signed the reader out"
        for link in page.eval_on_selector_all("a[href]", "all => all.map((a) => a.href)"):
            address = urlsplit(link)
            found = address.path + (f"?{address.query}" if address.query else "")
            kind = OWN_PART.sub("*", found)
            if f"{address.scheme}://{address.netloc}" not in page.url or LEFT_OUT.search(found):
                continue
            if found not in seen and kinds[kind] < MOST_OF_A_KIND:
                kinds[kind] += 1
                seen.add(found)
                waiting.append(found)
    return seen


def search(console: Console, cluster: CloudCluster) -> None:
    """What is searched for comes back into the page, too."""
    for path in ("/clusters/", f"/clusters/{cluster.id}/topics/", f"/clusters/{cluster.id}/users/"):
        console.open(path)
        field = console.page.locator("main input[type=search]").first
        field.fill(POISON[1])
        field.press("Enter")
        expect(console.page.locator("main input[type=search]").first).to_have_value(POISON[1])
    (message, *_others) = cluster.messages("home/#", 0)
    console.open(f"/clusters/{cluster.id}/messages/{message.MessageId}/")
    expect(console.page.locator("#message-body")).to_contain_text(f"<html>{POISON[0]}</html>")
