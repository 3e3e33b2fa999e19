"""The project's files as a whole: nothing of one machine in them, and the locks in step."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.files import ROOT, shown, text_files

MACHINE_PATH = re.compile(r"(?<![\w./:{}-])/(?:root|work|home/\w+|Users/\w+|opt/\w+)/")
INDEX_HOST = re.compile(r"pypi\.org|pythonhosted\.org|https?://[\w.:-]+/(?:\S*/)?simple\b")


def found_in_files(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{shown(path)}:{number}: {line.strip():.100}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine():
    assert found_in_files(MACHINE_PATH) == []


def test_no_file_names_the_host_of_a_package_index():
    assert found_in_files(INDEX_HOST) == []


def pins(name: str) -> dict[str, set[str]]:
    """Canonical package name → locked versions (several where markers tell them apart)."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line):
            found.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return found


def requirements(group: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    if group == "development":
        return list(map(Requirement, project["dependency-groups"]["dev"]))
    own = project["project"]
    extras = own["optional-dependencies"]
    named = extras["compiled"] if group == "compiled" else own["dependencies"] + extras["speed"]
    return list(map(Requirement, named))


def test_every_dependency_is_locked_to_a_version_that_fits():
    for group, lock in (
        ("runtime", "requirements.lock"),
        ("compiled", "requirements-compiled.lock"),
        ("development", "requirements-dev.lock"),
    ):
        locked = pins(lock)
        for requirement in requirements(group):
            versions = locked.get(canonicalize_name(requirement.name), set())
            assert versions, f"{requirement.name} is not in {lock}"
            assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_tests_run_with_the_versions_that_operators_run():
    development = pins("requirements-dev.lock")
    for lock in ("requirements.lock", "requirements-compiled.lock"):
        for name, versions in pins(lock).items():
            assert development.get(name) == versions, name


def test_every_locked_package_has_hashes_and_no_index_is_named():
    for lock in ("requirements.lock", "requirements-compiled.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text()
        for entry in re.split(r"\n(?=\S)", text):
            assert "--hash=sha256:" in entry, entry.splitlines()[0]
        assert "--index" not in text
        assert "--find-links" not in text
