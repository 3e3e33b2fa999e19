"""The console's pages, as a person uses them. Nothing here depends on the language."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser import DEADLINE_MS, Window

CLUSTER = re.compile(r"/clusters/(mqtt-[a-z0-9]{8})/$")
MESSAGE = re.compile(r"/clusters/mqtt-[a-z0-9]{8}/messages/[0-9A-F]{16}/")


class Console:
    """A person in front of one window."""

    def __init__(self, window: Window, address: str) -> None:
        self.window = window
        self.page = window.page
        self._address = address

    def open(self, path: str) -> None:
        """Type an address."""
        self.page.goto(f"{self._address}{path}")

    def arrive(self, url: re.Pattern[str], *, within_ms: int = DEADLINE_MS) -> None:
        """Wait until a page is there, with its scripts."""
        expect(self.page).to_have_url(url, timeout=within_ms)
        self.page.wait_for_load_state()

    def sign_in(self, username: str, password: str) -> None:
        """From the front door to the overview."""
        self.open("/")
        self.arrive(re.compile(r"/sign-in/"))
        self.page.fill("input[name=username]", username)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.arrive(re.compile(r"/overview/$"))

    def read_in(self, language: str) -> None:
        """Switch the language, as the menu of every page lets."""
        self.page.click("button[popovertarget=menu-language]")
        self.page.click(f"#menu-language button[value={language}]")
        expect(self.page.locator("html")).to_have_attribute("lang", language)

    def create_cluster(self, name: str) -> ClusterPages:
        """Fill in the order; return the new cluster, which is being created."""
        self.open("/clusters/")
        self.page.locator("a[href='/clusters/create/']").first.click()
        self.arrive(re.compile(r"/clusters/create/$"))
        self.page.check("input[name=instance_type][value=BASIC]")
        self.page.fill("input[name=name]", name)
        self.page.locator("#create-summary bdi", has_text=name).wait_for()
        self.page.click("#create-summary button[type=submit]")
        self.arrive(CLUSTER)
        found = CLUSTER.search(self.page.url)
        assert found is not None
        return ClusterPages(self, found[1], name)

    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.locator("dialog:modal")

    def send(self) -> None:
        """Press the button that sends the open dialog."""
        self.dialog().locator("button[type=submit]").click()

    def confirm(self, phrase: str = "") -> None:
        """Answer both questions of a dialog that destroys."""
        dialog = self.dialog()
        dialog.locator("[data-confirm-next]").click()
        if phrase:
            dialog.locator("input[name=confirmation]").fill(phrase)
        dialog.locator("[data-confirm-submit]").click()

    def wait_until_live(self) -> None:
        """The page's socket is open: from now on changes come by themselves."""
        expect(self.page.locator("[data-live-chip]")).to_have_attribute("data-live-chip", "live")


class ClusterPages:
    """The pages of one cluster."""

    def __init__(self, console: Console, cluster_id: str, name: str) -> None:
        self.console = console
        self.page = console.page
        self.id = cluster_id
        self.name = name
        self.node_id = f"{cluster_id}-n0"

    def open(self, tab: str = "") -> None:
        """Type the address of a tab."""
        self.console.open(f"/clusters/{self.id}/{tab}")

    def wait_until_running(self) -> None:
        """Watch the page until it shows the running cluster by itself."""
        expect(self.page.locator("#cluster-head .pill-ok")).to_be_visible(timeout=40_000)
        expect(self.page.locator("#cluster-progress")).to_have_count(0)

    def go_to(self, tab: str) -> None:
        """Follow a tab."""
        self.page.locator(f"#cluster-head a[href='/clusters/{self.id}/{tab}']").click()
        self.console.arrive(re.compile(f"/clusters/{self.id}/{tab}$"))
        self.console.wait_until_live()

    def endpoint(self) -> int:
        """The port of the command that the first tab has ready to paste."""
        self.open()
        command = self.page.locator("main pre").first.inner_text()
        found = re.search(r"mosquitto_sub -h 127\.0\.0\.1 -p (\d+)", command)
        assert found is not None, command
        return int(found[1])

    def create_topic(self, name: str) -> None:
        """By the dialog of the topics' tab."""
        self.go_to("topics/")
        self.page.locator(f"main a[href='/clusters/{self.id}/create-topic/']").first.click()
        self.console.dialog().locator("input[name=topic]").fill(name)
        self.console.send()
        self.topic(name).wait_for()
        expect(self.console.dialog()).to_have_count(0)

    def topic(self, name: str) -> Locator:
        """Row of a topic."""
        return self.page.locator(f"#topic-{name}")

    def delete_topic(self, name: str) -> None:
        """Asked twice."""
        self.topic(name).locator("a[href$='/delete/']").click()
        self.console.confirm()
        expect(self.topic(name)).to_have_count(0)

    def create_user(self, username: str, password: str) -> None:
        """By the dialog of the users' tab; the next dialog shows the password."""
        self.go_to("users/")
        self.page.locator(f"main a[href='/clusters/{self.id}/create-user/']").first.click()
        self.console.dialog().locator("input[name=username]").fill(username)
        self.console.dialog().locator("input[name=password]").fill(password)
        self.console.send()
        covered = self.console.dialog().locator("details:has(.secret-text)")
        expect(covered).not_to_have_attribute("open", "")
        covered.locator("summary").click()
        expect(covered.locator(".secret-text")).to_have_text(password)
        self.console.dialog().locator("a[data-dialog-close]").click()
        expect(self.console.dialog()).to_have_count(0)

    def allow_everything(self, name: str, username: str) -> None:
        """A policy for one user, in two steps: write it, read what it says."""
        self.go_to("policies/")
        self.page.locator(f"main a[href='/clusters/{self.id}/create-policy/']").first.click()
        self.page.fill("input[name=policy_name]", name)
        self.page.select_option("select[name=effect]", "allow")
        for action in ("connect", "pub", "sub"):
            self.page.check(f"input[name=actions][value={action}]")
        self.page.fill("input[name=username]", username)
        self.page.click("button[name=step][value=review]")
        expect(self.page.locator("main dl")).to_contain_text(name)
        self.page.click("button[name=step][value=create]")
        self.console.arrive(re.compile(r"/policies/$"))
        expect(self.page.locator("#policy-table")).to_contain_text(name)

    def watch_clients(self) -> None:
        """Open the list of clients and wait until it is live."""
        self.go_to("clients/")
        self.console.window.mark()

    def client(self, client_id: str) -> Locator:
        """Row of a client."""
        return self.page.locator(f"#client-table tr:has(a[href$='?client={client_id}'])")

    def is_online(self, client_id: str) -> None:
        """Wait until the list shows the client as connected."""
        expect(self.client(client_id).locator(".pill-ok")).to_be_visible()

    def kick(self, client_id: str) -> None:
        """Disconnect a client, asked twice."""
        self.client(client_id).locator("a[href*='/kick/']").click()
        self.console.confirm()
        expect(self.console.dialog()).to_have_count(0)

    def send_test_message(self, topic: str, below: str, payload: str) -> None:
        """From the row of a topic."""
        self.go_to("topics/")
        self.topic(topic).locator("a[href$='/publish/']").click()
        self.console.dialog().locator("input[name=below]").fill(below)
        self.console.dialog().locator("textarea[name=payload]").fill(payload)
        self.console.send()

    def follow_the_link_to_the_message(self) -> None:
        """From the dialog that says that it was sent."""
        self.console.dialog().locator("a.button-primary[href*='/messages/']").click()
        self.console.arrive(MESSAGE)

    def ask_to_delete(self) -> Locator:
        """Open the dialog; from any page of the cluster."""
        self.page.click("button[popovertarget=menu-cluster]")
        self.page.locator(f"#menu-cluster a[href='/clusters/{self.id}/delete/']").click()
        dialog = self.console.dialog()
        dialog.wait_for()
        return dialog

    def wait_until_gone(self) -> None:
        """The page leads on to the list by itself, and the list has it no more."""
        self.console.arrive(re.compile(r"/clusters/$"), within_ms=40_000)
        expect(self.page.locator(f"#row-{self.id}")).to_have_count(0)
