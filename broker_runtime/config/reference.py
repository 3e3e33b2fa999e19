"""The table of settings as the manual shows it."""

from __future__ import annotations

from broker_runtime.config.option import MANY, Option
from broker_runtime.config.table import TABLE, default_of


def markdown() -> str:
    """One table for each group, as it stands in ``docs/broker.md``."""
    groups = dict.fromkeys(option.group for option in TABLE)
    return "\n\n".join(_table(group) for group in groups) + "\n"


def _table(group: str) -> str:
    rows = [_row(option) for option in TABLE if option.group == group]
    return "\n".join([f"### {group}", "", "| option | default | meaning |", "|---|---|---|", *rows])


def _row(option: Option) -> str:
    usage = f"--{option.name}" if option.kind == "flag" else f"--{option.name} {option.metavar}"
    meaning = option.help
    if option.kind in ("number", "seconds"):
        high = f"to {option.high:,}" if option.high != MANY else "or more"
        low = f"{option.low:,}" if option.kind == "number" else f"{option.low:g}"
        meaning += f"; {low} {high}"
    if option.is_standalone_only:
        meaning += " *"
    usage = usage.replace("|", "\\|")
    return f"| `{usage}` | {_default(option)} | {meaning} |"


def _default(option: Option) -> str:
    value = default_of(option)
    if value in (None, "", (), False):
        return ""
    if option.kind in ("number", "seconds"):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return f"`{', '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"
