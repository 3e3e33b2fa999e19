"""``docs/conformance.md`` says what code and tests say."""

from __future__ import annotations

from tests.conformance.catalogue import CODE, DOCUMENT, TESTS, citations, document, statements


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
