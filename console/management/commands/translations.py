"""``manage.py translations``: brings the catalogues in step with the source, or judges them.

For those who work on Signalbox. Running it needs nothing of this: the compiled catalogues are part
of the repository. It needs polib, a development dependency, and no GNU gettext.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import to_locale

from console.management.catalogue import Message, NotConstant, problems, used_messages

if TYPE_CHECKING:
    import polib

PLURAL_FORMS = {"zh-hans": "nplurals=1; plural=0;"}
"""Language → its plural rule as gettext writes it; a new language is added here."""


class Command(BaseCommand):
    """Collect the texts, write and compile every language's catalogue; ``--check`` only judges."""

    help = (
        "Bring the translations in step with the source: collect its texts, update and compile "
        "locale/*/LC_MESSAGES/django.po. Translate what the command then lists, and run it again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What CI calls."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; list what is not translated or not in step and exit with 1",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through every language but the source's own."""
        root = Path(settings.BASE_DIR)
        try:
            import polib  # noqa: F401  # not at the top: an installation does not have it
        except ImportError:
            raise CommandError(
                "polib is not installed; it comes with the tools: python3 run.py setup tests"
            ) from None
        try:
            used = used_messages(root)
        except NotConstant as error:
            raise CommandError(str(error)) from None
        found: list[str] = []
        for language in PLURAL_FORMS:
            path = root / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"
            if not options["check"]:
                update(path, used, language=language)
            found += (f"{path.relative_to(root)}: {line}" for line in judge(path, used, language))
        for line in found:
            self.stdout.write(line)
        if found and options["check"]:
            raise CommandError(
                f"{len(found)} to repair. Run: python manage.py translations, then translate in "
                "the .po file what is listed, and run it once more.",
                returncode=1,
            )
        self.stdout.write(
            f"{len(used)} texts in {len(PLURAL_FORMS)} languages besides English; "
            f"{len(found) or 'nothing'} to repair."
        )


def update(path: Path, used: dict[tuple[str, str], Message], *, language: str) -> None:
    """Write the catalogue anew, in the order of its texts and with what it has; compile it."""
    import polib

    old = {(entry.msgctxt or "", entry.msgid): entry for entry in _read(path) if not entry.obsolete}
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = {
        "Project-Id-Version": "Signalbox",
        "Language": to_locale(language),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURAL_FORMS[language],
    }
    for key in sorted(used, key=lambda key: (key[1], key[0])):
        catalogue.append(_entry(used[key], old.get(key), language))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(catalogue) + "\n", encoding="utf-8")
    path.with_suffix(".mo").write_bytes(compiled(path))


def judge(path: Path, used: dict[tuple[str, str], Message], language: str) -> list[str]:
    """What is wrong with the catalogue and with its compiled form."""
    found = problems(used, _read(path), forms=_forms(language))
    binary = path.with_suffix(".mo")
    if not binary.exists() or binary.read_bytes() != compiled(path):
        found.append(f"{binary.name} is not what {path.name} compiles to")
    return found


def compiled(path: Path) -> bytes:
    """The catalogue as Django reads it."""
    return _read(path).to_binary()


def _read(path: Path) -> polib.POFile:
    import polib

    if not path.exists():
        return polib.POFile()
    return polib.pofile(str(path), wrapwidth=0)


def _entry(message: Message, old: polib.POEntry | None, language: str) -> polib.POEntry:
    import polib

    entry = polib.POEntry(msgid=message.singular, msgctxt=message.context or None)
    if re.search(r"%\(\w+\)", message.singular + message.plural):
        entry.flags = ["python-format"]
    if message.plural:
        entry.msgid_plural = message.plural
        known = old.msgstr_plural if old else {}
        entry.msgstr_plural = {form: known.get(form, "") for form in range(_forms(language))}
    elif old:
        entry.msgstr = old.msgstr
    return entry


def _forms(language: str) -> int:
    rule = re.match(r"nplurals=(\d+)", PLURAL_FORMS[language])
    assert rule is not None, "written above"
    return int(rule[1])
