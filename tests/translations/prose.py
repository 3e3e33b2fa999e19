"""Finds what people would read but no catalogue can translate: in templates, Python and scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

NEUTRAL = frozenset(("api", "cidr", "csv", "http", "https", "id", "ip", "json", "kb", "mb", "mqtt"))
NEUTRAL |= frozenset(("python", "qos", "secretid", "secretkey", "signalbox", "tcp", "tls", "tps"))
NEUTRAL |= frozenset(("uin", "ws", "wss"))
"""Words that are the same in every language of the product."""

MACHINE_ELEMENTS = frozenset(("code", "kbd", "pre", "samp", "script", "style"))
READ_ATTRIBUTES = frozenset(
    ("alt", "aria-description", "aria-label", "aria-roledescription", "aria-valuetext", "label")
    + ("placeholder", "summary", "title")
)
READ_PARAMETERS = frozenset(("action_text", "caption", "empty", "heading", "help", "label"))
READ_PARAMETERS |= frozenset(("note", "placeholder", "text", "title", "what"))
"""Arguments of template tags that end on the page."""

WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W\d_]+)*")
LITERAL = re.compile(r"(?P<name>[\w:-]+)=(?P<quote>[\"'])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)")
FILTER = re.compile(r"\|(?:default|default_if_none|yesno|add|join|pluralize):\"(?P<text>[^\"]*)\"")
EXAMPLE = re.compile(r"\S*[/#+_.:@-]\S*")
"""A name as devices have them: ``home/#``, ``factory-line-prod``."""

ERRORS_FOR_PEOPLE = frozenset(("ValidationError", "ActionError"))
READ_KEYWORDS = frozenset(("done", "empty_label", "help_text", "label", "verbose_name"))
READ_KEYS = frozenset(("label", "message", "note", "text", "title"))
NOTICES = frozenset(("debug", "error", "info", "success", "warning"))

SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\\])//[^\n]*", re.DOTALL)
SCRIPT_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`")
SCRIPT_SHOWS = re.compile(
    r"(?:\.(?:textContent|innerText|title|placeholder|ariaLabel|alt)\s*=\s*"
    r"|(?:\b(?:alert|confirm|prompt|toast)|\.(?:append|prepend|replaceChildren))\(\s*"
    r"|setAttribute\(\s*[\"'](?:title|aria-label|alt|placeholder)[\"'],\s*)$"
)
SCRIPT_TELLS_DEVELOPERS = re.compile(r"(?:\bnew Error|\bconsole\.\w+)\(\s*$")
SENTENCE = re.compile(r"[A-Z][a-z]+$|[A-Z][a-z]* \w|(?:[^\W\d_]+ ){2}[^\W\d_]+")
KEYS = frozenset(("ArrowDown", "ArrowUp", "End", "Enter", "Escape", "Home", "Tab"))


def is_prose(text: str) -> bool:
    """Whether a person would have to know English to understand it."""
    return any(word.lower() not in NEUTRAL for word in WORD.findall(text))


def is_parameter_prose(text: str) -> bool:
    """The same of a parameter or a placeholder, which may show an example of a name."""
    return is_prose(text) and not EXAMPLE.fullmatch(text)


def prose_in_template(source: str) -> list[str]:
    """Texts of a template that no translation tag encloses."""
    found: list[str] = []
    page = _Page(found)
    for token in _shown(source):
        if token.token_type == TokenType.TEXT:
            page.feed(token.contents)
        else:
            found += _prose_in_tag(token.contents)
            page.feed(" ")
    page.close()
    return found


def _shown(source: str) -> Iterator[Token]:
    """Tokens of a template without comments and without what is translated."""
    ends = ""
    for token in Lexer(source).tokenize():
        command = token.contents.split(maxsplit=1)[0] if token.contents.strip() else ""
        is_block = token.token_type == TokenType.BLOCK
        if ends:
            if is_block and command == ends:
                ends = ""
        elif is_block and command in ("comment", "blocktranslate", "blocktrans"):
            ends = f"end{command}"
        elif token.token_type != TokenType.COMMENT and command not in ("translate", "trans"):
            yield token


def _prose_in_tag(contents: str) -> list[str]:
    arguments = [match["text"] for match in LITERAL.finditer(contents) if _is_read(match["name"])]
    fallbacks = [match["text"] for match in FILTER.finditer(contents)]
    return [
        *(text for text in arguments if is_parameter_prose(text)),
        *(text for text in fallbacks if is_prose(text) and text != text.lower()),
    ]


def _is_read(name: str) -> bool:
    return name in READ_PARAMETERS or name in READ_ATTRIBUTES


class _Page(HTMLParser):
    """Collects the text and the attributes that people read."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.found = found
        self.machine = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.machine += tag in MACHINE_ELEMENTS
        for name, value in attrs:
            is_read = name in READ_ATTRIBUTES or name.startswith("data-text")
            if is_read and value and is_parameter_prose(value):
                self.found.append(f'{name}="{value}"')

    def handle_endtag(self, tag: str) -> None:
        self.machine -= tag in MACHINE_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self.machine and is_prose(data):
            self.found.append(" ".join(data.split()))


def prose_in_python(source: str, errors: frozenset[str] = ERRORS_FOR_PEOPLE) -> list[str]:
    """Texts that a module hands to people without a gettext function.

    Args:
        source: The module.
        errors: Names of the exceptions whose message people read.
    """
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        shown: list[ast.expr] = []
        if isinstance(node, ast.Call):
            shown = _shown_by_call(node, errors)
        elif isinstance(node, ast.Dict):
            shown = [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value in READ_KEYS
            ]
        elif isinstance(node, ast.ClassDef) and _is_choices(node):
            shown = _labels(node)
        found += (text for value in shown if is_parameter_prose(text := _literal(value)))
    return found


def _shown_by_call(call: ast.Call, errors: frozenset[str]) -> list[ast.expr]:
    name = ast.unparse(call.func)
    shown = [keyword.value for keyword in call.keywords if keyword.arg in READ_KEYWORDS]
    if name.rsplit(".", 1)[-1] in errors:
        shown += call.args[:1]
        shown += (keyword.value for keyword in call.keywords if keyword.arg == "message")
    elif name in {f"messages.{notice}" for notice in NOTICES}:
        shown += call.args[1:2]
    return shown


def _is_choices(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("Choices") for base in node.bases)


def _labels(node: ast.ClassDef) -> list[ast.expr]:
    return [
        statement.value.elts[1]
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Tuple)
        and len(statement.value.elts) == 2
    ]


def _literal(value: ast.expr) -> str:
    """What is written there itself; nothing of what is called or named."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.JoinedStr):
        return "".join(_literal(part) for part in value.values)
    if isinstance(value, ast.BinOp):
        return _literal(value.left) + _literal(value.right)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return _literal(value.func.value) if value.func.attr == "format" else ""
    return ""


def prose_in_script(source: str) -> list[str]:
    """String literals of a script that people would read; a text comes by a ``data-*``."""
    bare = SCRIPT_COMMENT.sub("", source)
    found = []
    for match in SCRIPT_STRING.finditer(bare):
        before = bare[: match.start()]
        text = re.sub(r"\$\{[^}]*\}", " ", match[0][1:-1])
        if text in KEYS or SCRIPT_TELLS_DEVELOPERS.search(before):
            continue
        if SENTENCE.match(text) or (SCRIPT_SHOWS.search(before) and is_prose(text)):
            found.append(text)
    return found
