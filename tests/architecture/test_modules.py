"""What STYLE asks of every module and a tool does not see."""

from __future__ import annotations

import ast
import re
import tomllib

from tests.architecture.files import PACKAGES, ROOT, python_modules, shown, text_files

LONGEST_MODULE_LINES = 400
LONGEST_SCRIPT_LINES = 120
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "data",
    "info",
    "common",
    "misc",
}
TYPE_IGNORES = 10
"""How many silenced types the product may have, its tests not counted."""


def test_no_module_is_longer_than_400_lines():
    too_long = {
        shown(path): lines
        for path in python_modules()
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE_LINES
    }
    assert too_long == {}


def test_no_script_of_ours_is_longer_than_120_lines():
    too_long = {
        shown(path): lines
        for path in text_files()
        if path.suffix == ".js"
        and (lines := len(path.read_text().splitlines())) > LONGEST_SCRIPT_LINES
    }
    assert too_long == {}


def test_every_module_says_in_its_first_line_what_it_is_for():
    silent = [
        shown(path)
        for path in python_modules()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing():
    empty_names = [shown(path) for path in python_modules() if path.stem in FORBIDDEN_NAMES]
    assert empty_names == []


def test_every_to_do_has_an_issue_number():
    loose = [
        f"{shown(path)}: {line.strip()}"
        for path in python_modules()
        for line in path.read_text().splitlines()
        if re.search(r"#\s*(TODO|FIXME|XXX|HACK)\b(?!.*#\d+)", line)
    ]
    assert loose == []


def test_a_silenced_type_says_why_and_there_are_few():
    silenced = [
        f"{shown(path)}: {line.strip()}"
        for path in python_modules()
        if "tests" not in path.relative_to(ROOT).parts
        for line in path.read_text().splitlines()
        if "# type: ignore" in line
    ]
    without_reason = [
        line for line in silenced if not re.search(r"# type: ignore\[[a-z-, ]+\]\s+# \w", line)
    ]
    assert without_reason == []
    assert len(silenced) <= TYPE_IGNORES, silenced


def test_every_package_of_the_product_is_under_the_import_contracts():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(rules["root_packages"]) == set(PACKAGES) - {"tests"}
