"""``docs/conformance.md`` says what code and tests say."""

from __future__ import annotations

from tests.conformance.catalogue import (
    CODE,
    DOCUMENT,
    TESTS,
    citations,
    collected,
    document,
    statements,
)


def test_every_citation_names_a_statement_that_exists():
    known = statements()
    wrong = [
        f"{c.file}:{c.line}: [{c.name}]"
        for folder in (CODE, TESTS)
        for c in citations(folder)
        if c.name not in known
    ]
    assert wrong == []


def test_the_document_is_up_to_date():
    """``python -m tests.conformance.catalogue --write`` brings it in step."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_the_catalogue_holds_every_statement_of_both_standards():
    names = list(statements())
    assert sum(name.startswith("MQTT-") for name in names) == 251
    assert sum(name.startswith("MQTT3-") for name in names) == 141


def test_every_duty_of_the_server_is_named_in_the_code_and_in_a_test():
    """Cite it again where the code went; else say so in the catalogue (kind N, and why)."""
    silent = [s.name for s in collected().values() if s.kind == "S" and not s.is_proven]
    assert silent == []
