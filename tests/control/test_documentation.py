"""The pages about the node say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from broker_runtime.config.options import parse
from broker_runtime.config.reference import markdown
from broker_runtime.contract.commands import COMMANDS, Refusal
from broker_runtime.contract.configuration import (
    Configuration,
    ConfigurationApplied,
    ConfigurationChange,
)
from broker_runtime.contract.queries import QUERIES
from broker_runtime.control.statuses import STATUS
from broker_runtime.exits import ExitCode
from broker_runtime.policy_file import load

DOCS = Path(__file__).parents[2] / "docs"
CONTROL = (DOCS / "control-api.md").read_text(encoding="utf-8")
BROKER = (DOCS / "broker.md").read_text(encoding="utf-8")


def examples(heading: str) -> list[str]:
    """The JSON blocks beneath a heading."""
    part = CONTROL.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"```json\n(.*?)```", part, re.DOTALL)


@pytest.mark.parametrize("name", [*COMMANDS, *QUERIES])
def test_every_command_and_query_has_an_example_of_question_and_answer(name):
    kind = COMMANDS.get(name) or QUERIES[name]

    question, answer = examples(f"### {name}")

    msgspec.json.decode(question, type=kind)
    given = msgspec.json.decode(answer)
    typed = msgspec.to_builtins(msgspec.json.decode(answer, type=kind.Answer))
    assert set(given) <= set(typed)


def test_the_examples_of_configuration_and_refusal_are_of_their_types():
    configuration, applied = examples("## PUT /v1/configuration")

    msgspec.json.decode(configuration, type=Configuration)
    msgspec.json.decode(applied, type=ConfigurationApplied)
    msgspec.json.decode(examples("## Rules")[0], type=Refusal)
    (change,) = examples("## PATCH /v1/configuration")
    msgspec.json.decode(change, type=ConfigurationChange)


def test_every_refusal_code_is_described_with_its_status():
    for code, status in STATUS.items():
        assert re.search(rf"^\| `{code}` \| [^|]*{status.value}", CONTROL, re.MULTILINE), code


def test_the_manual_holds_the_table_of_settings():
    """To bring it in step, paste what ``python -m broker_runtime options`` prints."""
    block = BROKER.split('broker_runtime options" -->\n', 1)[1].split("<!-- end of options", 1)[0]

    assert block == markdown()


def test_every_exit_code_is_described():
    for code in ExitCode:
        assert re.search(rf"^\| {code.value} \|", BROKER, re.MULTILINE), code


def test_the_files_of_the_manual_are_taken(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", BROKER, re.DOTALL)
    policies = next(block for block in blocks if "[[policy]]" in block)
    settings = next(block for block in blocks if "listen = " in block)
    (tmp_path / "policies.toml").write_text(policies)
    (tmp_path / "node.toml").write_text(settings)

    options = parse(["--config", str(tmp_path / "node.toml")])

    assert len(load(tmp_path / "policies.toml").policies) == 3
    assert len(options.listen) == 3
