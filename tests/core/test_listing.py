"""Tables: which page is shown, and files that no spreadsheet computes."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from console.core.listing import csv_download, every_row, harmless_cell, page_size, table_page

ROWS = [f"row-{number}" for number in range(45)]


def _fetch(offset: int, limit: int) -> tuple[list[str], int]:
    return ROWS[offset : offset + limit], len(ROWS)


@pytest.mark.parametrize(
    ("query", "first", "shown"),
    [
        ({}, "row-0", 20),
        ({"page": "2"}, "row-20", 20),
        ({"page": "3"}, "row-40", 5),
        ({"page": "99"}, "row-40", 5),
        ({"page": "0"}, "row-0", 20),
        ({"page": "-1"}, "row-0", 20),
        ({"page": "٣"}, "row-0", 20),
        ({"page": "9" * 5000}, "row-0", 20),
        ({"page_size": "10", "page": "2"}, "row-10", 10),
        ({"page_size": "7"}, "row-0", 20),
        ({"page_size": "1000000"}, "row-0", 20),
    ],
)
def test_a_table_shows_the_page_that_was_asked_for_or_the_nearest(query, first, shown):
    page = table_page(RequestFactory().get("/", query), _fetch)

    assert page.object_list[0] == first
    assert len(page.object_list) == shown
    assert page.paginator.count == 45


def test_an_empty_table_has_one_page_without_rows():
    nothing: tuple[list[str], int] = ([], 0)
    page = table_page(RequestFactory().get("/", {"page": "4"}), lambda offset, limit: nothing)

    assert list(page.object_list) == []
    assert page.number == 1


def test_the_page_size_is_one_of_those_that_are_offered():
    assert page_size(RequestFactory().get("/", {"page_size": "50"})) == 50
    assert page_size(RequestFactory().get("/", {"page_size": "51"})) == 20


def test_a_download_holds_every_row():
    rows = [f"{number}" for number in range(250)]

    assert list(every_row(lambda offset, limit: (rows[offset : offset + limit], 250))) == rows


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "－1"]
)
def test_a_cell_that_begins_like_a_formula_is_text(text):
    """SECURITY C4"""
    assert harmless_cell(text) == f"'{text}"


def test_a_number_stays_a_number():
    assert harmless_cell(-3.5) == "-3.5"
    assert harmless_cell(None) == ""


@given(cells=st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1, max_size=4))
def test_a_download_reads_back_as_it_was_written_but_for_the_mark_of_text(cells):
    """SECURITY C4: quotes and line breaks within a cell stay within it."""
    body = csv_download("x", ["h"] * len(cells), [cells]).content.decode().removeprefix("\ufeff")

    _head, row = list(csv.reader(io.StringIO(body, newline="")))
    assert row == [harmless_cell(cell) for cell in cells]
