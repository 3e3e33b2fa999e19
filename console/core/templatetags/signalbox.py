"""The tags and filters that pages are written with.

All HTML is made by ``format_html``, so whatever a device or an operator wrote is escaped. Numbers
are written alike in every language (1,204); texts are translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from django import forms, template
from django.conf import settings
from django.core.paginator import Page
from django.forms import BoundField
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.core.templatetags.payload_text import PayloadText, payload_text, visible

register = template.Library()

Quantity = float | Literal[""] | None
"""What a template hands a filter; a variable that is not there comes as the empty string."""

NOTHING = "—"
METER_MID = 0.7
METER_HIGH = 0.9
PAGE_SIZES = (10, 20, 50, 100)
"""What a person may choose; views clamp to the same."""
SPARK_WIDTH, SPARK_HEIGHT = 118.0, 30.0

CLUSTER_STATES = {
    "RUNNING": ("ok", gettext_lazy("Running")),
    "CREATING": ("info", gettext_lazy("Creating")),
    "MODIFYING": ("info", gettext_lazy("Changing")),
    "MAINTAINING": ("info", gettext_lazy("Under maintenance")),
    "DELETING": ("warn", gettext_lazy("Deleting")),
    "ABNORMAL": ("bad", gettext_lazy("Abnormal")),
    "OVERDUE": ("warn", gettext_lazy("Isolated")),
    "DESTROYED": ("off", gettext_lazy("Destroyed")),
    "CREATE_FAILURE": ("bad", gettext_lazy("Create failed")),
    "MODIFY_FAILURE": ("bad", gettext_lazy("Change failed")),
    "DELETE_FAILURE": ("bad", gettext_lazy("Delete failed")),
}
"""State of the cloud API (``Instance.InstanceStatus``) → level of the pill and its text."""
BUSY_STATES = frozenset({"CREATING", "MODIFYING", "DELETING"})


@register.simple_tag
def icon(name: str, *, size: str = "", label: str = "") -> SafeString:
    """An icon of the sprite ``static/icons/sprite.svg``.

    Args:
        name: Tabler's name, ``server-2``.
        size: ``s``, ``l`` or empty for 16 px.
        label: What it says to a screen reader; without it the icon is decoration.
    """
    classes = "icon" + (f" icon-{size}" if size else "")
    address = f"{static('icons/sprite.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>',
            classes,
            label,
            address,
        )
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', classes, address
    )


@register.filter
def number(value: Quantity) -> str:
    """``1204`` → ``1,204``; None → a dash."""
    if value is None or value == "":
        return NOTHING
    if not float(value).is_integer():
        return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{int(value):,}"


@register.filter
def filesize(value: Quantity) -> str:
    """Bytes in steps of 1024: ``4096`` → ``4 KB``."""
    if value is None or value == "":
        return NOTHING
    size = float(value)
    for unit in ("B", "KB", "MB", "GB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if size.is_integer() else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TB"


@register.filter
def duration_ms(value: Quantity) -> str:
    """Milliseconds in the two largest units that count: ``200000`` → ``3 min 20 s``."""
    if value is None or value == "":
        return NOTHING
    ms = int(value)
    if abs(ms) < 1000:
        return _("%(n)d ms") % {"n": ms}
    if abs(ms) < 10_000:
        return _("%(n)s s") % {"n": f"{ms / 1000:.1f}".removesuffix(".0")}
    return _in_two_units(ms // 1000)


@register.filter
def duration_s(value: Quantity) -> str:
    """Seconds in the two largest units that count: ``3542400`` → ``41 d``."""
    return NOTHING if value is None or value == "" else _in_two_units(int(value))


def _in_two_units(seconds: int) -> str:
    units = (
        (86_400, _("%(n)d d")),
        (3600, _("%(n)d h")),
        (60, _("%(n)d min")),
        (1, _("%(n)s s")),
    )
    left = max(0, seconds)
    for index, (size, text) in enumerate(units):
        if left >= size:
            words = [text % {"n": left // size}]
            smaller = units[index + 1] if index + 1 < len(units) else None
            if smaller and (rest := left % size // smaller[0]):
                words.append(smaller[1] % {"n": rest})
            return " ".join(words)
    return units[-1][1] % {"n": 0}


@register.filter
def datetime_ms(value: datetime | int | None) -> SafeString | str:
    """An instant with milliseconds in the reader's time zone: ``2026-10-10 20:26:18.042``.

    Args:
        value: An aware datetime or Unix milliseconds; None and 0 mean never.
    """
    return _time_element(value, "milliseconds")


@register.filter
def datetime_s(value: datetime | int | None) -> SafeString | str:
    """As ``datetime_ms``, to the second."""
    return _time_element(value, "seconds")


def _time_element(value: datetime | int | None, precision: str) -> SafeString | str:
    instant = _instant(value)
    if instant is None:
        return NOTHING
    written = timezone.localtime(instant).replace(tzinfo=None)
    return format_html(
        '<time class="mono nowrap" datetime="{}">{}</time>',
        _machine_time(instant),
        written.isoformat(sep=" ", timespec=precision),
    )


@register.filter
def clock_s(value: datetime | int | None) -> SafeString | str:
    """The time of day of a recent instant, ``08:17:26``; the whole of it as a tooltip."""
    instant = _instant(value)
    if instant is None:
        return NOTHING
    written = timezone.localtime(instant).replace(tzinfo=None)
    return format_html(
        '<time class="mono nowrap" datetime="{}" title="{}">{}</time>',
        _machine_time(instant),
        written.isoformat(sep=" ", timespec="milliseconds"),
        written.strftime("%H:%M:%S"),
    )


def _instant(value: datetime | int | None) -> datetime | None:
    """None for "never" and for what no calendar holds (a device's clock may say anything)."""
    if not value or isinstance(value, datetime):
        return value or None
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _machine_time(instant: datetime) -> str:
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@register.filter
def shown(value: Any) -> str:
    r"""Text of a device on one line: invisible and direction-turning characters as ``\u202e``."""
    return visible(str(value)).replace("\n", "\\n").replace("\t", "\\t")


@register.filter
def initials(name: str) -> str:
    """Up to two letters for the avatar: ``owner@x`` → ``OW``, ``Ada Lovelace`` → ``AL``."""
    words = name.split("@", 1)[0].replace(".", " ").replace("-", " ").replace("_", " ").split()
    letters = words[0][0] + words[1][0] if len(words) > 1 else (words or ["?"])[0][:2]
    return letters.upper()


@register.simple_tag
def sparkline(values: Sequence[float | None], *, label: str = "") -> SafeString:
    """A small curve drawn by the server; fewer than two values give a line at the bottom.

    Args:
        values: Oldest first, evenly spaced; None counts as zero.
        label: What it shows, for screen readers; without it the curve is decoration.
    """
    levels = [float(value or 0) for value in values]
    if len(levels) < 2:
        levels = [0.0, 0.0]
    top = max(max(levels), 0.0) or 1.0
    step = SPARK_WIDTH / (len(levels) - 1)
    points = " ".join(
        f"{index * step:.1f},{SPARK_HEIGHT - 2 - level / top * (SPARK_HEIGHT - 5):.1f}"
        for index, level in enumerate(levels)
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 118 30" preserveAspectRatio="none" role="img"'
        ' aria-label="{}" aria-hidden="{}">'
        '<polygon class="sparkline-area" points="0,30 {} 118,30"/>'
        '<polyline class="sparkline-line" points="{}"/></svg>',
        label,
        "false" if label else "true",
        points,
        points,
    )


@register.simple_tag
def meter(label: str, used: float | None, limit: float | None) -> SafeString:
    """``TPS ▬▬▬── 3,480/6,000``: amber from 70 %, red from 90 % of the limit.

    The bar is an SVG because its width may not be an inline style.
    """
    ratio = min(1.0, max(0.0, (used or 0) / limit)) if limit else 0.0
    level = " meter-high" if ratio >= METER_HIGH else " meter-mid" if ratio >= METER_MID else ""
    return format_html(
        '<div class="meter{}" role="meter" aria-label="{}" aria-valuemin="0" aria-valuenow="{}"'
        ' aria-valuemax="{}"><span class="meter-label">{}</span>'
        '<svg class="meter-bar" aria-hidden="true">'
        '<rect class="meter-track" width="100%" height="4"/>'
        '<rect class="meter-fill" width="{}%" height="4" rx="2"/></svg>'
        '<span class="meter-value">{}<span class="meter-limit">/{}</span></span></div>',
        level,
        label,
        used or 0,
        limit or 0,
        label,
        round(ratio * 100, 1),
        number(used or 0),
        number(limit),
    )


@register.simple_tag
def state_pill(state: str) -> SafeString:
    """The pill of a cluster's state as the cloud API names it; an unknown one shows as it is."""
    level, text = CLUSTER_STATES.get(state, ("off", state))
    busy = " pill-busy" if state in BUSY_STATES else ""
    return format_html('<span class="pill pill-{}{}">{}</span>', level, busy, text)


@register.simple_tag
def region_name(code: str = "") -> str:
    """Name of a region, or of the only one; an unknown code shows as it is."""
    regions: Mapping[str, object] = settings.REGIONS
    return str(regions.get(code, code) if code else next(iter(regions.values()), ""))


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page: Page[Any], *, target: str) -> dict[str, Any]:
    """The foot of a table: count, page size and pages.

    Args:
        page: What is shown, of Django's ``Paginator``.
        target: Id of the part that is swapped.
    """
    back = page.previous_page_number() if page.has_previous() else 0
    onward = page.next_page_number() if page.has_next() else 0
    steps: list[dict[str, Any]] = [
        {"number": back, "icon": "chevron-left", "label": _("Previous page")}
    ]
    for entry in page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1):
        steps.append(
            {"number": entry, "is_open": entry == page.number}
            if isinstance(entry, int)
            else {"number": 0}
        )
    steps.append({"number": onward, "icon": "chevron-right", "label": _("Next page")})
    return {
        "request": context["request"],
        "page": page,
        "target": target,
        "sizes": PAGE_SIZES,
        "steps": steps,
    }


@register.inclusion_tag("components/payload.html")
def payload(value: bytes | str, *, id: str = "payload") -> dict[str, PayloadText | str]:
    """A message body, bounded and as text only; ``id`` must be unique on the page."""
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return {"payload": payload_text(raw), "id": id}


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField,
    *,
    label: str = "",
    help: str = "",
    mono: bool = False,
    placeholder: str = "",
    counter: str = "",
    limit: int | None = None,
    autocomplete: str = "",
) -> dict[str, Any]:
    """A form field whole: label, input, help, errors and what is left of its length.

    Args:
        bound: The field of a form: ``form.name``.
        label: Instead of the field's own.
        help: Instead of the field's own.
        mono: Whether the input is set in the fixed-width face (ids, topics, JSON).
        counter: ``characters`` or ``bytes`` shows how many are left of ``limit``.
        limit: For the counter; the field's ``max_length`` when not given.
        autocomplete: The input's autocomplete token (``username``, ``current-password``).
    """
    widget = bound.field.widget
    limit = limit or getattr(bound.field, "max_length", None)
    attributes: dict[str, Any] = {}
    is_check = isinstance(widget, forms.CheckboxInput)
    is_group = bool(widget.use_fieldset)
    if not (is_check or is_group):
        attributes["class"] = "field-input field-input-mono" if mono else "field-input"
    described = [f"{bound.auto_id}_help"] if help or bound.help_text else []
    if bound.errors:
        described.append(f"{bound.auto_id}_error")
        attributes["aria-invalid"] = "true"
    if counter and limit:
        described.append(f"{bound.auto_id}_left")
        attributes |= {
            "data-counter": f"{bound.auto_id}_left",
            "data-counter-limit": limit,
            "data-counter-unit": counter,
        }
    if described:
        attributes["aria-describedby"] = " ".join(described)
    given = {"placeholder": placeholder, "autocomplete": autocomplete}
    attributes |= {name: value for name, value in given.items() if value}
    return {
        "field": bound,
        "input": bound.as_widget(attrs=attributes),
        "label": label or bound.label,
        "help": help or bound.help_text,
        "counter": counter if limit else "",
        "limit": limit,
        "is_check": is_check,
        "is_group": is_group,
    }
