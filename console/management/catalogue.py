"""What the product says, found in its source, and what is wrong with a catalogue of translations.

Standard library and Django only: the texts are read from the syntax trees of the Python files and
from what Django itself makes of a template for ``makemessages``. So a check needs no GNU gettext.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation.template import templatize

if TYPE_CHECKING:
    from polib import POEntry

PACKAGES = ("console", "clusters", "topics", "authn", "policies", "monitoring")
"""Packages whose texts are translated; the runtime answers with codes, which these translate."""

GETTEXT = {
    "gettext": ("singular",),
    "gettext_lazy": ("singular",),
    "gettext_noop": ("singular",),
    "ngettext": ("singular", "plural"),
    "ngettext_lazy": ("singular", "plural"),
    "pgettext": ("context", "singular"),
    "pgettext_lazy": ("context", "singular"),
    "npgettext": ("context", "singular", "plural"),
    "npgettext_lazy": ("context", "singular", "plural"),
}
"""Function of ``django.utils.translation`` → what its first arguments are."""

TEMPLATE_CALL = re.compile(r"(?<!\w)(?P<function>n?p?gettext|_)\((?=[u'\"])")
STRING = re.compile(r"\s*,?\s*u?(?P<literal>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")

PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0+-]*(?:\d+|\*)?(?:\.\d+)?[diouxXeEfFgGcrsa%]|\{\w*\}")
WORD = re.compile(r"\w")
MARKUP = re.compile(r"</?[a-z][^>]*>")


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A text of the product; ``where`` is the file that says it."""

    singular: str
    context: str = ""
    plural: str = ""
    where: str = ""


class NotConstant(ValueError):
    """A text put together before it is translated: no catalogue can hold it."""


def used_messages(root: Path) -> dict[tuple[str, str], Message]:
    """Every text of the product below ``root``: (context, singular) → message.

    Raises:
        NotConstant: a text is put together before it is translated; the message says where.
    """
    found: dict[tuple[str, str], Message] = {}
    for message in _all_messages(root):
        key = (message.context, message.singular)
        known = found.get(key)
        if known is None or (message.plural and not known.plural):
            found[key] = message
    return found


def _all_messages(root: Path) -> Iterator[Message]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            where = str(path.relative_to(root))
            if "/migrations/" not in where:
                yield from messages_in_python(path.read_text(encoding="utf-8"), where)
    for path in sorted((root / "templates").rglob("*.*")):
        yield from messages_in_template(
            path.read_text(encoding="utf-8"), str(path.relative_to(root))
        )


def messages_in_python(source: str, where: str) -> list[Message]:
    """Texts handed to a gettext function, under whatever name the module imports it.

    Raises:
        NotConstant: an f-string, a sum or the like is handed to one.
    """
    tree = ast.parse(source)
    names = _gettext_names(tree)
    found = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and (function := _called(call, names)):
            texts = _constants(call, len(GETTEXT[function]), where)
            if texts:
                found.append(_message(function, texts, where))
    return found


def _gettext_names(tree: ast.Module) -> dict[str, str]:
    """Local name → function, of what the module imports from Django."""
    return {
        alias.asname or alias.name: alias.name
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom) and statement.module == "django.utils.translation"
        for alias in statement.names
        if alias.name in GETTEXT
    }


def _called(call: ast.Call, names: dict[str, str]) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return names.get(function.id, "")
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return ""
    is_gettext = function.value.id == "translation" and function.attr in GETTEXT
    return function.attr if is_gettext else ""


def _constants(call: ast.Call, count: int, where: str) -> list[str]:
    """The texts among the arguments; none when a variable is handed on (its text stands elsewhere,
    in ``gettext_noop``).
    """
    texts = []
    for argument in call.args[:count]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            texts.append(argument.value)
        elif isinstance(argument, ast.Name | ast.Attribute | ast.Subscript):
            return []
        else:
            raise NotConstant(
                f"{where}:{argument.lineno}: translate a text that stands there whole, with"
                " %(name)s for what is put in, and put that in afterwards."
            )
    return texts


def messages_in_template(source: str, where: str) -> list[Message]:
    """Texts in ``{% translate %}``, ``{% blocktranslate %}`` and ``_("…")``."""
    program = templatize(source)
    found = []
    for match in TEMPLATE_CALL.finditer(program):
        function = match["function"].replace("_", "gettext") or "gettext"
        texts, position = [], match.end()
        for _part in GETTEXT[function]:
            string = STRING.match(program, position)
            if string is None:
                break
            texts.append(str(ast.literal_eval(string["literal"])))
            position = string.end()
        if len(texts) == len(GETTEXT[function]):
            found.append(_message(function, texts, where))
    return found


def _message(function: str, texts: Sequence[str], where: str) -> Message:
    return replace(
        Message(singular="", where=where), **dict(zip(GETTEXT[function], texts, strict=True))
    )


def problems(
    used: dict[tuple[str, str], Message], entries: Iterable[POEntry], *, forms: int
) -> list[str]:
    """What is wrong with a catalogue, one line each.

    Args:
        used: What the product says.
        entries: The catalogue, obsolete entries too.
        forms: How many plural forms its language has.
    """
    found: list[str] = []
    seen: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        key = (entry.msgctxt or "", entry.msgid)
        seen[key] += 1
        message = used.get(key)
        if entry.obsolete or message is None:
            found.append(f"{_quoted(entry.msgid)} is said nowhere any more")
        else:
            found += (
                f"{message.where}: {_quoted(entry.msgid)} {what}"
                for what in _problems_of(entry, message, forms)
            )
    found += (f"{_quoted(key[1])} is there {n} times" for key, n in seen.items() if n > 1)
    found += (
        f"{message.where}: {_quoted(message.singular)} is not in the catalogue"
        for key, message in used.items()
        if key not in seen
    )
    return sorted(found)


def _problems_of(entry: POEntry, message: Message, forms: int) -> Iterator[str]:
    if "fuzzy" in entry.flags:
        yield "is marked fuzzy"
    if message.plural != entry.msgid_plural:
        yield f"has the plural {_quoted(message.plural)} in the source"
        return
    if not message.plural:
        yield from _disagreements(message.singular, entry.msgstr)
        return
    if sorted(entry.msgstr_plural) != list(range(forms)):
        yield f"must have {forms} plural forms"
    for text in entry.msgstr_plural.values():
        yield from _disagreements(message.plural, text)


def _disagreements(source: str, translated: str) -> Iterator[str]:
    if not translated.strip():
        yield "is not translated"
        return
    for what, pattern in (("placeholders", PLACEHOLDER), ("markup", MARKUP)):
        wanted, given = Counter(pattern.findall(source)), Counter(pattern.findall(translated))
        if wanted != given:
            differ = sorted((wanted - given) + (given - wanted))
            yield f"differs in its {what}: {', '.join(differ)}"
    # A separator alone, ", ", is another one in another script: "、".
    if WORD.search(source) and _edges(source) != _edges(translated):
        yield "begins or ends with another white space"


def _edges(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _quoted(text: str) -> str:
    short = text if len(text) <= 100 else text[:99] + "…"
    return '"' + short.replace("\n", "\\n") + '"'
