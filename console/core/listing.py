"""What every page with a table asks and answers: which page of how many rows, and CSV.

@page
def topic_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    def fetch(offset: int, limit: int) -> Fetched[Topic]: ...
    if wants_csv(request):
        return csv_download("topics", HEADINGS, map(_cells, every_row(fetch)))
    return show(request, "topics/list.html", {"page": table_page(request, fetch)})
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from console.core.templatetags.signalbox import PAGE_SIZES

T = TypeVar("T")
Fetched = tuple[Sequence[T], int]
"""Rows from an offset on, and how many there are in all."""
Fetch = Callable[[int, int], Fetched[T]]
"""Offset and limit → rows."""

USUAL_PAGE_SIZE = 20
CHUNK_ROWS = 100
MOST_SEARCH = 128
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Spreadsheets run cells that begin so, full-width signs too (SECURITY C4)."""
_BYTE_ORDER_MARK = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""


def search_text(request: HttpRequest) -> str:
    """What was typed into the table's search box."""
    return request.GET.get("search", "").strip()[:MOST_SEARCH]


def table_page(request: HttpRequest, fetch: Fetch[T]) -> Page[T]:
    """The page that ``?page=`` and ``?page_size=`` ask for; beyond the end it is the last one."""
    size = page_size(request)
    number = _number(request.GET.get("page", ""))
    rows, total = fetch((number - 1) * size, size)
    if not rows and number > 1:
        number = max(1, -(-total // size))
        rows, total = fetch((number - 1) * size, size)
    shown: Page[Any] = Paginator(range(total), size).get_page(number)
    shown.object_list = rows
    return shown


def page_size(request: HttpRequest) -> int:
    """Rows on a page: one of those the foot of the table offers."""
    wanted = _number(request.GET.get("page_size", ""))
    return wanted if wanted in PAGE_SIZES else USUAL_PAGE_SIZE


def wants_csv(request: HttpRequest) -> bool:
    """Whether the table is asked for as a file."""
    return request.GET.get("format") == "csv"


def every_row(fetch: Fetch[T]) -> Iterator[T]:
    """All rows, fetched in chunks."""
    offset = 0
    while True:
        rows, total = fetch(offset, CHUNK_ROWS)
        yield from rows
        offset += len(rows)
        if not rows or offset >= total:
            return


def csv_download(
    name: str, headings: Iterable[object], rows: Iterable[Iterable[Any]]
) -> HttpResponse:
    """A CSV file (RFC 4180) that a browser saves; no cell of it is a formula (SECURITY C4).

    Args:
        name: First part of the file's name; the present minute follows.
    """
    out = io.StringIO()
    out.write(_BYTE_ORDER_MARK)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([str(heading) for heading in headings])
    writer.writerows([harmless_cell(value) for value in row] for row in rows)
    minute = timezone.localtime().strftime("%Y%m%d-%H%M")
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{minute}.csv"'
    return response


def harmless_cell(value: object) -> str:
    """A cell as text that a spreadsheet does not compute; numbers stay as they are."""
    if isinstance(value, bool | int | float):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _number(text: str) -> int:
    """A page number or size from a browser; 1 for anything else."""
    return (
        int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) else 1
    )
