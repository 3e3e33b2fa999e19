"""The project's own files, for the tests that look at them as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    *("console", "clusters", "topics", "authn", "policies", "monitoring", "broker_runtime"),
    "tests",
)
FOREIGN = {".git", ".venv", ".signalbox", "node_modules", "vendor", "__pycache__", "build"}
TEXT = {
    ".py",
    ".html",
    ".css",
    ".js",
    ".md",
    ".toml",
    ".lock",
    ".po",
    ".txt",
    ".yaml",
    ".yml",
    ".sh",
}


def python_modules() -> list[Path]:
    """Every module that people write: migrations are generated."""
    found = [ROOT / "run.py", ROOT / "manage.py"]
    for package in PACKAGES:
        found += (ROOT / package).rglob("*.py")
    return sorted(path for path in found if "migrations" not in path.parts)


def text_files() -> Iterator[Path]:
    """Every text file of the project, without what others wrote or tools made."""
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.name in FOREIGN or path.name.endswith("_cache"):
                continue
            if path.is_dir():
                folders.append(path)
            elif path.suffix in TEXT or path.name in ("Makefile", "run") and path.suffix == "":
                yield path


def shown(path: Path) -> str:
    """Return a path as a person would write it."""
    return str(path.relative_to(ROOT))
