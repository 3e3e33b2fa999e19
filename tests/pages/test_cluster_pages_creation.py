"""Creating a cluster: the page, its errors in place, and the progress that survives a reload."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.models import Job
from tests.cast import browser_of, make_cluster

pytestmark = [pytest.mark.database, pytest.mark.django_db]

FILLED = {
    "name": "factory-line-prod",
    "instance_type": "PRO",
    "sku_BASIC": "basic_2k",
    "sku_PRO": "pro_10k",
    "sku_PLATINUM": "platinum_200k",
    "region": "local",
    "remark": "Line 1-6",
    "tag_list_key": ["env", "note", ""],
    "tag_list_value": ["prod", "a, b: c", ""],
}


@pytest.fixture(autouse=True)
def _queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs in these tests: the job's row is what counts."""
    monkeypatch.setattr("console.core.jobs.dispatch", lambda job_id: None)


def test_the_page_offers_every_edition_with_its_numbers(owner: Actor):
    page = browser_of(owner).get("/clusters/create/").text

    for text in ("Basic", "Professional", "Platinum", "pro_100k", "500,000", "basic_2k"):
        assert text in page


def test_a_filled_form_creates_the_cluster_and_leads_to_its_page(owner: Actor):
    answer = browser_of(owner).post("/clusters/create/", FILLED)

    cluster = Cluster.objects.get()
    assert answer.headers["Location"] == f"/clusters/{cluster.public_id}/"
    assert (cluster.name, cluster.sku_code, cluster.remark) == (
        "factory-line-prod",
        "pro_10k",
        "Line 1-6",
    )
    assert {tag.key: tag.value for tag in cluster.tags.all()} == {"env": "prod", "note": "a, b: c"}
    assert not cluster.authorization_policies.exists()


def test_the_tick_starts_the_cluster_with_a_policy_that_allows_everything(owner: Actor):
    browser_of(owner).post("/clusters/create/", {**FILLED, "allow_everything": "on"})

    assert Cluster.objects.get().authorization_policies.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This field is required."),
        ("name", "ab", "3 to 64 characters"),
        ("name", "näme", "3 to 64 characters"),
        ("name", "x" * 65, "at most 64 characters"),
        ("instance_type", "", "This field is required."),
        ("instance_type", "GOLD", "GOLD is not one of the available choices"),
        ("sku_PRO", "", "Choose a specification."),
        ("sku_PRO", "basic_2k", "basic_2k is not one of the available choices"),
        ("region", "mars", "mars is not one of the available choices"),
        ("remark", "x" * 129, "at most 128 characters"),
        ("tag_list_key", ["env", "env", ""], "tag key env is given twice"),
        ("tag_list_key", ["", "note", ""], "a tag key has 1 to 127 characters"),
    ],
)
def test_a_bad_field_is_refused_at_its_place_and_nothing_is_written(
    owner: Actor, field, value, said
):
    answer = browser_of(owner).post("/clusters/create/", {**FILLED, field: value})

    assert answer.status_code == 422
    assert said in answer.text
    assert "field-error" in answer.text
    assert not Cluster.objects.exists()


def test_what_was_typed_stays_in_a_refused_form_as_text(owner: Actor):
    """SECURITY C1"""
    hostile = '"><script>alert(1)</script>'
    answer = browser_of(owner).post(
        "/clusters/create/",
        {**FILLED, "name": hostile, "tag_list_key": [hostile], "tag_list_value": [hostile]},
    )

    assert "<script>alert" not in answer.text
    assert answer.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_the_summary_shows_what_is_being_filled_in_and_writes_nothing(owner: Actor):
    answer = browser_of(owner).get(
        "/clusters/create/", {**FILLED, "name": "half"}, headers={"HX-Request": "true"}
    )

    assert "<html" not in answer.text
    for text in ("half", "pro_10k", "300,000", "env: prod"):
        assert text in answer.text
    assert not Cluster.objects.exists()


def test_a_reader_is_refused_with_the_code_and_nothing_is_written(reader: Actor):
    answer = browser_of(reader).post("/clusters/create/", FILLED)

    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert not Cluster.objects.exists()


def test_a_cluster_is_not_created_without_the_csrf_token(owner: Actor):
    """SECURITY C5"""
    browser = browser_of(owner)
    browser.handler.enforce_csrf_checks = True

    assert browser.post("/clusters/create/", FILLED).status_code == 403
    assert not Cluster.objects.exists()


def _job(cluster: Cluster, **changes: object) -> Job:
    values = {"kind": "create-cluster", "state": Job.State.RUNNING, "step": 2, "steps": 4}
    return Job.objects.create(
        account_uin=cluster.account_uin, subject=cluster.public_id, **{**values, **changes}
    )


def test_the_page_of_a_cluster_that_is_being_created_shows_how_far_it_is(owner: Actor):
    cluster = make_cluster(owner.account_uin, state=Cluster.State.CREATING)
    _job(cluster)

    page = browser_of(owner).get(f"/clusters/{cluster.public_id}/").text

    assert page.count("steps-done") == 1
    assert page.count("steps-running") == 1
    assert page.count("steps-waiting") == 2
    assert f'hx-get="/clusters/{cluster.public_id}/progress/"' in page


def test_the_progress_leads_to_the_page_when_the_cluster_runs(
    owner: Actor, running_cluster: Cluster
):
    address = f"/clusters/{running_cluster.public_id}/"
    answer = browser_of(owner).get(f"{address}progress/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"] == address


def test_the_progress_of_a_deletion_leads_to_the_list_when_it_is_over(owner: Actor):
    answer = browser_of(owner).get(
        "/clusters/mqtt-99999999/progress/", headers={"HX-Request": "true"}
    )

    assert answer.headers["HX-Redirect"] == "/clusters/"


def test_a_creation_that_failed_says_why_and_can_be_tried_again(owner: Actor):
    cluster = make_cluster(
        owner.account_uin, state=Cluster.State.CREATE_FAILURE, state_reason="No port is free."
    )
    _job(cluster, state=Job.State.FAILED, step=1, error="No port is free.")
    browser = browser_of(owner)

    page = browser.get(f"/clusters/{cluster.public_id}/").text
    assert "No port is free." in page
    assert "steps-failed" in page
    assert f"/clusters/{cluster.public_id}/delete/" in page

    browser.post(f"/clusters/{cluster.public_id}/retry/")
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.CREATING


def test_a_reader_cannot_try_a_creation_again(reader: Actor, owner: Actor):
    cluster = make_cluster(owner.account_uin, state=Cluster.State.CREATE_FAILURE)

    answer = browser_of(reader).post(f"/clusters/{cluster.public_id}/retry/")

    assert answer.status_code == 403
    assert browser_of(reader).get(f"/clusters/{cluster.public_id}/").status_code == 200
