"""The policy file of a node on its own."""

from __future__ import annotations

import pytest

from broker_runtime.policy_file import PolicyFileError, load


def test_statements_keep_their_order_and_what_is_left_out_means_any(tmp_path):
    file = tmp_path / "policies.toml"
    file.write_text(
        '[[policy]]\nname = "no secrets"\neffect = "deny"\nactions = ["sub"]\n'
        'topics = ["secret/#"]\n[[policy]]\neffect = "allow"\n'
        'actions = ["connect", "pub", "sub"]\nusername = "sensor-*"\nqos = [0, 1]\nretain = false\n'
    )

    first, second = load(file).policies

    assert (first.id, first.name, first.effect, first.topics) == (
        *(1, "no secrets", "deny", ("secret/#",)),
    )
    assert (second.id, second.name, second.qos, second.retain) == (2, "policy 2", (0, 1), False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[[policy", "not TOML"),
        ("[[policies]]", r"\[\[policy\]\] expected"),
        ("policy = [1]", r"\[\[policy\]\] expected"),
        ('[[policy]]\neffect = "ALLOW"\nactions = []', "policy 1: Invalid enum value"),
        ('[[policy]]\neffect = "allow"', "policy 1: .*missing required field `actions`"),
        ('[[policy]]\neffect = "allow"\nactions = ["pub"]\ntopcs = ["a"]', "policy 1: .*topcs"),
        ('[[policy]]\neffect = "allow"\nactions = ["pub"]\nip = "300.1"', "ip"),
    ],
)
def test_z2_a_file_with_a_mistake_is_refused_with_the_statement(tmp_path, content, words):
    file = tmp_path / "policies.toml"
    file.write_text(content)

    with pytest.raises(PolicyFileError, match=words):
        load(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PolicyFileError, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml")
