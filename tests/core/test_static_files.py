"""Static files: their address names their content, and browsers may keep them for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.templatetags.static import static
from django.test import Client

from console.static_files import static_digest


def test_another_content_or_name_is_another_address(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    file = tmp_path / "css" / "a.css"
    file.write_text("a {}")
    first = static_digest(tmp_path)
    assert static_digest(tmp_path) == first
    file.write_text("b {}")
    second = static_digest(tmp_path)
    file.rename(tmp_path / "css" / "b.css")
    assert len({first, second, static_digest(tmp_path)}) == 3


@pytest.mark.django_db
def test_a_browser_keeps_a_static_file_for_good() -> None:
    response = Client().get(static("css/main.css"))
    response.close()
    assert response.status_code == 200
    assert "immutable" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_another_address_has_no_static_file() -> None:
    assert Client().get("/static/css/main.css").status_code == 404
