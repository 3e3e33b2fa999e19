"""The texts of the product are collected whole, and a faulty catalogue is recognised."""

from __future__ import annotations

import io
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import translation

from console.management.catalogue import (
    Message,
    NotConstant,
    messages_in_python,
    messages_in_template,
    problems,
)
from console.management.commands import translations


def said(messages: list[Message]) -> list[tuple[str, str, str]]:
    return [(message.context, message.singular, message.plural) for message in messages]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('from django.utils.translation import gettext as _\n_("Save")', ("", "Save", "")),
        (
            'from django.utils.translation import gettext_lazy\ngettext_lazy("A " "b")',
            ("", "A b", ""),
        ),
        ('from django.utils import translation\ntranslation.gettext("Save")', ("", "Save", "")),
        (
            'from django.utils.translation import ngettext\nngettext("%(n)d a", "%(n)d as", n)',
            ("", "%(n)d a", "%(n)d as"),
        ),
        (
            'from django.utils.translation import npgettext\nnpgettext("mail", "a", "as", n)',
            ("mail", "a", "as"),
        ),
    ],
)
def test_texts_of_a_module_are_found(source: str, expected: tuple[str, str, str]) -> None:
    assert said(messages_in_python(source, "here.py")) == [expected]


def test_only_djangos_functions_count() -> None:
    assert messages_in_python('_ = print\n_("Save")', "here.py") == []


def test_a_variable_is_looked_up_elsewhere() -> None:
    source = "from django.utils.translation import gettext\ngettext(job.step_name)"
    assert messages_in_python(source, "here.py") == []


@pytest.mark.parametrize("text", ['f"{n} left"', '"%s left" % n', '"{} left".format(n)', 'n + "a"'])
def test_a_text_put_together_before_it_is_translated_is_refused(text: str) -> None:
    source = f"from django.utils.translation import gettext as _\n_({text})"
    with pytest.raises(NotConstant, match=r"here\.py:2"):
        messages_in_python(source, "here.py")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{% translate "Save" %}', ("", "Save", "")),
        ("{% translate 'Say \"yes\"' as text %}", ("", 'Say "yes"', "")),
        ('{% translate "100 %" %}', ("", "100 %%", "")),
        ('{% translate "May" context "month" %}', ("month", "May", "")),
        (
            "{% blocktranslate with n=a %}{{ n }} left{% endblocktranslate %}",
            ("", "%(n)s left", ""),
        ),
        (
            "{% blocktranslate count n=a %}{{ n }} a{% plural %}{{ n }} as{% endblocktranslate %}",
            ("", "%(n)s a", "%(n)s as"),
        ),
        ("{% blocktranslate trimmed %}\n a\n b\n{% endblocktranslate %}", ("", "a b", "")),
        ('{% include "copy.html" with what=_("Topic") only %}', ("", "Topic", "")),
    ],
)
def test_texts_of_a_template_are_found(source: str, expected: tuple[str, str, str]) -> None:
    assert said(messages_in_template(source, "here.html")) == [expected]


def entry(msgid: str, msgstr: str, **more: object) -> polib.POEntry:
    return polib.POEntry(msgid=msgid, msgstr=msgstr, **more)


def faults(message: Message, found: polib.POEntry, *, forms: int = 1) -> str:
    used = {(message.context, message.singular): message}
    return "\n".join(problems(used, [found], forms=forms))


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        ("Save", "保存"),
        ("%(n)s of %(m)s", "%(m)s 中的 %(n)s"),
        ("%(n)s / page", "%(n)s 条/页"),
        ("%%s left", "剩余 %%s"),
        ('<a href="%(url)s">Users</a>', '<a href="%(url)s">用户</a>'),
        (" or ", " 或 "),
        (", ", "、"),
    ],
)
def test_a_good_translation_is_let_through(source: str, translated: str) -> None:
    assert faults(Message(source), entry(source, translated)) == ""


@pytest.mark.parametrize(
    ("source", "translated", "what"),
    [
        ("Save", "", "not translated"),
        ("Save", " ", "not translated"),
        ("%(n)s left", "剩余", r"placeholders: %\(n\)s"),
        ("%(n)s left", "剩余 %(m)s", "placeholders"),
        ("%(n)d left", "剩余 %(n)s", "placeholders"),
        ("%%s left", "剩余 %s", "placeholders"),
        ("{n} left", "剩余", "placeholders"),
        ('<a href="%(url)s">Users</a>', "<b>%(url)s</b>", "markup"),
        (" or ", "或", "white space"),
    ],
)
def test_a_bad_translation_is_named(source: str, translated: str, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        assert faults(Message(source), entry(source, translated)) == ""


def test_a_fuzzy_translation_is_none() -> None:
    assert "fuzzy" in faults(Message("Save"), entry("Save", "保存", flags=["fuzzy"]))


def test_a_text_that_is_said_no_more_is_named() -> None:
    assert "nowhere" in "".join(problems({}, [entry("Save", "保存")], forms=1))


def test_a_text_that_is_not_there_is_named_with_its_file() -> None:
    used = {("", "Save"): Message("Save", where="a.html")}
    assert problems(used, [], forms=1) == ['a.html: "Save" is not in the catalogue']


def test_a_text_that_is_there_twice_is_named() -> None:
    used = {("", "Save"): Message("Save")}
    found = problems(used, [entry("Save", "保存"), entry("Save", "保存")], forms=1)
    assert found == ['"Save" is there 2 times']


def test_plural_forms_must_be_those_of_the_language() -> None:
    message = Message("%(n)s item", plural="%(n)s items")
    plural = {"msgid_plural": "%(n)s items"}
    one = entry("%(n)s item", "", msgstr_plural={0: "%(n)s 条"}, **plural)
    assert faults(message, one) == ""
    assert "2 plural forms" in faults(message, one, forms=2)
    assert "not translated" in faults(
        message, entry("%(n)s item", "", msgstr_plural={0: ""}, **plural)
    )
    assert "has the plural" in faults(message, entry("%(n)s item", "%(n)s 条"))


def test_the_catalogues_of_the_product_are_whole_and_compiled() -> None:
    output = io.StringIO()
    try:
        call_command("translations", check=True, stdout=output)
    except CommandError:
        pytest.fail(output.getvalue())


def test_every_language_but_english_has_a_catalogue() -> None:
    assert {code for code, _name in settings.LANGUAGES} == {"en", *translations.PLURAL_FORMS}


@pytest.fixture
def product(tmp_path: Path, settings: object) -> Path:
    """A product with one template, and no catalogue yet."""
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text('{% translate "Save" %}')
    return tmp_path


def test_an_update_keeps_what_is_translated_and_drops_what_is_gone(product: Path) -> None:
    catalogue = product / "locale/zh_Hans/LC_MESSAGES/django.po"
    call_command("translations", stdout=io.StringIO())
    catalogue.write_text(catalogue.read_text().replace('msgstr ""\n', 'msgstr "保存"\n', 2))
    template = product / "templates" / "page.html"
    template.write_text('{% translate "Save" %}{% translate "Delete" %}')
    call_command("translations", stdout=(output := io.StringIO()))
    assert {e.msgid: e.msgstr for e in polib.pofile(str(catalogue))} == {
        "Save": "保存",
        "Delete": "",
    }
    assert '"Delete" is not translated' in output.getvalue()
    template.write_text('{% translate "Save" %}')
    call_command("translations", stdout=io.StringIO())
    assert [e.msgid for e in polib.mofile(str(catalogue.with_suffix(".mo")))] == ["Save"]
    call_command("translations", check=True, stdout=io.StringIO())


def test_a_check_changes_nothing_and_refuses_a_stale_compilation(product: Path) -> None:
    catalogue = product / "locale/zh_Hans/LC_MESSAGES/django.po"
    call_command("translations", stdout=io.StringIO())
    catalogue.write_text(catalogue.read_text().replace('msgstr ""\n', 'msgstr "保存"\n', 2))
    before = catalogue.with_suffix(".mo").read_bytes()
    with pytest.raises(CommandError) as refusal:
        call_command("translations", check=True, stdout=(output := io.StringIO()))
    assert refusal.value.returncode == 1
    assert "django.mo is not what django.po compiles to" in output.getvalue()
    assert catalogue.with_suffix(".mo").read_bytes() == before


def test_counted_texts_and_doubled_percent_signs_survive_in_chinese() -> None:
    from django.template import Context, Template

    count = (
        "{% blocktranslate count n=3 %}{{ n }} item{% plural %}{{ n }} items{% endblocktranslate %}"
    )
    source = "{% load i18n %}" + count + ' {% translate "%s selected" %}'
    with translation.override("zh-hans"):
        assert Template(source).render(Context()) == "共 3 条 已选 %s 项"
