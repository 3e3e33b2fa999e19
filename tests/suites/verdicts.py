"""What a foreign suite said of us, and what we have to say to it."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "not applicable"]
EXPLAINED_FILE = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True)
class Verdict:
    """How one case of a suite ended; ``detail`` is the first thing it complained about."""

    suite: str
    case: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Judgement:
    """A whole run beside the explanations."""

    verdicts: tuple[Verdict, ...]
    unexplained: tuple[Verdict, ...]
    """Failed, and nobody has said why that is right."""
    outdated: tuple[Verdict, ...]
    """Explained as failing, and passed."""

    @property
    def holds(self) -> bool:
        """Whether every failure is explained and every explanation is needed."""
        return not self.unexplained and not self.outdated


Explanations = Mapping[str, Mapping[str, str]]
"""Suite → case → why it fails against a broker that is right."""


def explanations(file: Path = EXPLAINED_FILE) -> Explanations:
    """Read the explanations; every one must say something."""
    explained: Explanations = tomllib.loads(file.read_text(encoding="utf-8"))
    for suite, cases in explained.items():
        for case, why in cases.items():
            if not why.strip():
                raise ValueError(f"{file.name}: [{suite}] {case!r} is not explained")
    return explained


def judge(verdicts: Iterable[Verdict], explained: Explanations) -> Judgement:
    """Compare what happened with what was explained."""
    told = tuple(verdicts)
    return Judgement(
        verdicts=told,
        unexplained=tuple(
            v for v in told if v.outcome == "failed" and v.case not in explained.get(v.suite, {})
        ),
        outdated=tuple(
            v for v in told if v.outcome == "passed" and v.case in explained.get(v.suite, {})
        ),
    )


def report(judgement: Judgement, explained: Explanations) -> str:
    """The run in words: a count for each suite, then every case that did not pass."""
    lines = []
    suites: dict[str, Counter[str]] = {}
    for verdict in judgement.verdicts:
        suites.setdefault(verdict.suite, Counter())[verdict.outcome] += 1
    for suite, counts in suites.items():
        lines.append(f"{suite}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    for verdict in judgement.verdicts:
        if verdict.outcome == "failed" and verdict not in judgement.unexplained:
            why = explained[verdict.suite][verdict.case]
            lines.append(f"explained      {verdict.suite} {verdict.case}: {why}")
        elif verdict.outcome == "not applicable":
            lines.append(f"not applicable {verdict.suite} {verdict.case}: {verdict.detail}")
    lines += [f"UNEXPLAINED    {v.suite} {v.case}: {v.detail}" for v in judgement.unexplained]
    lines += [f"OUTDATED       {v.suite} {v.case} passes now" for v in judgement.outdated]
    return "\n".join(lines)
