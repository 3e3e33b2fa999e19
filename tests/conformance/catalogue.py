"""The normative statements of MQTT, where the code obeys them and which tests prove it.

``python -m tests.conformance.catalogue`` compares ``docs/conformance.md`` with code and tests;
``--write`` brings it in step.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "conformance.md"
CODE = ROOT / "broker_runtime"
TESTS = ROOT / "tests"

CITATION = re.compile(r"\[(MQTT3?)-(\d[\d.-]*-\d+)\]")
_LINE = re.compile(r"(\d[\d.-]*-\d+) ([SCN]) (\S.*)\Z")

VERSIONS = {"MQTT": ("MQTT 5.0", "mqtt5.txt"), "MQTT3": ("MQTT 3.1.1", "mqtt3.txt")}
"""Prefix of a citation → title and data file."""


@dataclass(slots=True)
class Statement:
    """One normative statement; ``kind``: duty of the server, of clients alone, of nobody here."""

    prefix: str
    number: str
    kind: str
    words: str
    code: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As it is cited."""
        return f"{self.prefix}-{self.number}"

    @property
    def is_proven(self) -> bool:
        """Whether code and a test name it."""
        return bool(self.code and self.tests)


@dataclass(frozen=True, slots=True)
class Citation:
    """A place that names a statement."""

    name: str
    file: str
    line: int
    inside: str
    """Function, method or class that holds it; empty: the module itself."""


def statements() -> dict[str, Statement]:
    """Every statement of both versions by name, without its places."""
    found: dict[str, Statement] = {}
    for prefix, (_, file) in VERSIONS.items():
        for line in (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            parts = _LINE.match(line)
            if parts is None:
                raise ValueError(f"{file}: not 'number kind words': {line!r}")
            statement = Statement(prefix, parts[1], parts[2], parts[3])
            if statement.name in found:
                raise ValueError(f"{file}: {statement.name} is there twice")
            found[statement.name] = statement
    return found


def citations(folder: Path) -> list[Citation]:
    """Every place under a folder that names a statement, in a lasting order."""
    found: list[Citation] = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "[MQTT" in text:
            found += _in_file(path.relative_to(ROOT).as_posix(), text)
    return found


def _in_file(file: str, text: str) -> Iterator[Citation]:
    scopes = list(_scopes(ast.parse(text), ""))
    for number, line in enumerate(text.splitlines(), 1):
        for prefix, statement in CITATION.findall(line):
            inside = max(
                ((start, name) for start, end, name in scopes if start <= number <= end),
                default=(0, ""),
            )[1]
            yield Citation(f"{prefix}-{statement}", file, number, inside)


def _scopes(node: ast.AST, outer: str) -> Iterator[tuple[int, int, str]]:
    """(first line, last line, qualified name) of functions, classes and named values."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}{child.name}"
            first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
            yield first, child.end_lineno or first, name
            yield from _scopes(child, f"{name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and not outer:
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            if isinstance(target, ast.Name):
                yield child.lineno, child.end_lineno or child.lineno, target.id


def collected() -> dict[str, Statement]:
    """Every statement with its places.

    Raises:
        ValueError: a place names a statement that does not exist.
    """
    found = statements()
    unknown: list[str] = []
    for folder in (CODE, TESTS):
        for citation in citations(folder):
            statement = found.get(citation.name)
            if statement is None:
                unknown.append(f"{citation.file}:{citation.line}: [{citation.name}]")
                continue
            places = statement.code if folder is CODE else statement.tests
            place = _place(citation)
            if place not in places:
                places.append(place)
    if unknown:
        raise ValueError("no such statement:\n" + "\n".join(unknown))
    return found


def _place(citation: Citation) -> str:
    """A place that stays the same while lines come and go around it."""
    file = citation.file.removeprefix("broker_runtime/").removeprefix("tests/")
    return f"[{file}](../{citation.file}) {citation.inside}".rstrip().replace("_", "\\_")


_PREFACE = """# Conformance to MQTT

Generated from code and tests by `python -m tests.conformance.catalogue --write`; a test fails when
it is out of date. Statements are named by their numbers in the standards: `[MQTT-3.1.2-24]` is of
MQTT 5.0, `[MQTT3-3.1.2-24]` of MQTT 3.1.1, and so they are cited in the code, at the place that
obeys them, and in the tests that prove them. The words are ours; those of the standards count.

"""


def document() -> str:
    """The page as it should be."""
    found = list(collected().values())
    parts = [_PREFACE, _summary(found), _uncovered(found)]
    for prefix, (title, _) in VERSIONS.items():
        rows = [s for s in found if s.prefix == prefix and s.kind == "S"]
        parts.append(f"## {title}\n\n| statement | in short | code | tests |\n|---|---|---|---|\n")
        parts += [
            f"| {s.number} | {s.words} | {'<br>'.join(s.code)} | {'<br>'.join(s.tests)} |\n"
            for s in rows
        ]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def _summary(found: list[Statement]) -> str:
    lines = ["| | statements | proven here | of clients alone | of features not used | open |\n"]
    lines.append("|---|---|---|---|---|---|\n")
    for prefix, (title, _) in VERSIONS.items():
        own = [s for s in found if s.prefix == prefix]
        duties = [s for s in own if s.kind == "S"]
        proven = sum(s.is_proven for s in duties)
        kinds = [sum(s.kind == kind for s in own) for kind in "CN"]
        lines.append(
            f"| {title} | {len(own)} | {proven} | {kinds[0]} | {kinds[1]} "
            f"| {len(duties) - proven} |\n"
        )
    return "".join(lines) + "\n"


def _uncovered(found: list[Statement]) -> str:
    parts = ["## Not covered\n\n"]
    for title, chosen in (
        ("Duties of the server that code or test do not name yet", _open(found)),
        ("Duties of clients alone", [s for s in found if s.kind == "C"]),
        ("Features that this server does not use", [s for s in found if s.kind == "N"]),
    ):
        parts.append(f"### {title}\n\n")
        parts += [f"- `[{s.name}]` {s.words}{_missing(s)}\n" for s in chosen] or ["None.\n"]
        parts.append("\n")
    return "".join(parts)


def _open(found: list[Statement]) -> list[Statement]:
    return [s for s in found if s.kind == "S" and not s.is_proven]


def _missing(statement: Statement) -> str:
    if statement.kind != "S":
        return ""
    lacks = [
        what for what, there in (("code", statement.code), ("test", statement.tests)) if not there
    ]
    return f" (no {' and no '.join(lacks)})"


def main(arguments: list[str]) -> int:
    """Compare, or with ``--write`` bring in step; exit code 1: it is out of date."""
    wanted = document()
    if arguments == ["--write"]:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    is_current = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == wanted
    if not is_current:
        sys.stderr.write("docs/conformance.md is out of date: run with --write\n")
    return 0 if is_current else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
