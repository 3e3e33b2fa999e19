"""run.py: what it installs and when, and what it says when it cannot.

A small program plays ``uv``; the real installers are exercised by every clean start of CI.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

import run

UV = """#!/bin/sh
exec {python} - "$@" <<"END"
import os, sys
from pathlib import Path
with open(os.environ["UV_CALLS"], "a") as calls:
    calls.write(sys.argv[1] + "\\n")
if sys.argv[1] == "venv":
    folder = Path(sys.argv[-1]) / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
elif os.environ.get("UV_SAYS"):
    print(os.environ["UV_SAYS"])
    sys.exit(1)
END
"""
"""A shell starts it: a ``#!`` line cannot name a Python whose path has a space."""


class Project:
    """A copy of the project in which only run.py, the locks and a stand-in for uv are there."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.environment = monkeypatch
        self.calls_file = folder / "calls"
        tools = folder / "tools"
        tools.mkdir()
        (tools / "uv").write_text(UV.format(python=shlex.quote(sys.executable)))
        (tools / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin")
        monkeypatch.setenv("UV_CALLS", str(self.calls_file))
        venv = folder / ".venv"
        for name, path in {
            "ROOT": folder,
            "VENV": venv,
            "PYTHON": venv / "bin" / "python",
            "STAMP": venv / run.STAMP.name,
            "UNFINISHED": venv / run.UNFINISHED.name,
            "INSTALL_LOG": venv / run.INSTALL_LOG.name,
            "RUNTIME_LOCK": folder / run.RUNTIME_LOCK.name,
            "COMPILED_LOCK": folder / run.COMPILED_LOCK.name,
            "DEVELOPMENT_LOCK": folder / run.DEVELOPMENT_LOCK.name,
        }.items():
            monkeypatch.setattr(run, name, path)
        run.RUNTIME_LOCK.write_text("django==5.2\n")
        run.COMPILED_LOCK.write_text("django==5.2\nmypy==2\n")
        run.DEVELOPMENT_LOCK.write_text("django==5.2\nmypy==2\npytest==9\n")

    def calls(self):
        """What uv was asked for since the last look."""
        calls = self.calls_file.read_text().split() if self.calls_file.exists() else []
        self.calls_file.write_text("")
        return calls


@pytest.fixture
def project(tmp_path, monkeypatch):
    return Project(tmp_path, monkeypatch)


def test_the_first_start_installs_and_the_second_does_not(project):
    run.install("runtime")
    assert project.calls() == ["venv", "pip"]
    run.install("runtime")
    assert project.calls() == []


def test_a_changed_lock_is_installed(project):
    run.install("runtime")
    project.calls()
    run.RUNTIME_LOCK.write_text("django==5.2.1\n")
    run.install("runtime")
    assert project.calls() == ["pip"]


def test_only_the_tests_install_the_development_lock(project):
    run.install("runtime")
    assert "development" not in json.loads(run.STAMP.read_text())
    project.calls()
    run.install("development")
    assert project.calls() == ["pip"]
    run.install("runtime")
    assert project.calls() == []


def test_an_installation_that_was_cut_off_is_made_anew(project):
    run.install("runtime")
    project.calls()
    run.UNFINISHED.touch()
    (run.VENV / "half-a-package").touch()
    run.install("runtime")
    assert project.calls() == ["venv", "pip"]
    assert not (run.VENV / "half-a-package").exists()
    assert not run.UNFINISHED.exists()


def test_a_damaged_stamp_installs_again(project):
    run.install("runtime")
    project.calls()
    for damage in ("", "[]", "{", '{"runtime": 1}'):
        run.STAMP.write_text(damage)
        run.install("runtime")
        assert project.calls() == ["pip"], damage


def test_a_python_that_has_gone_is_replaced(project):
    run.install("runtime")
    project.calls()
    run.PYTHON.unlink()
    run.PYTHON.symlink_to(project.folder / "no-python-here")
    run.install("runtime")
    assert project.calls() == ["venv", "pip"]


def test_a_python_of_another_version_is_replaced(project):
    run.install("runtime")
    project.calls()
    stamp = json.loads(run.STAMP.read_text())
    run.STAMP.write_text(json.dumps(stamp | {"python": "3.10"}))
    run.install("runtime")
    assert project.calls() == ["venv", "pip"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE FILE", "its hash differs"),
        ("cause: Hash mismatch for `django==5.2`", "its hash differs"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("cause: dns error", "the package index cannot be reached"),
        ("ERROR: No matching distribution found for django==5.2", "or has no build of a package"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        (
            "error: failed to create directory: Permission denied (os error 13)",
            "may not be written",
        ),
        ("something nobody thought of", "installing the packages failed."),
    ],
)
def test_a_failed_installation_says_why_and_shows_the_installers_words(project, capsys, said, told):
    project.environment.setenv("UV_SAYS", said)
    assert run.main(["setup"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert said in error
    project.environment.delenv("UV_SAYS")
    assert run.main(["setup"]) == 0


def test_without_uv_and_without_pip_both_ways_out_are_named(project, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name)
    )
    assert run.main(["setup"]) == 2
    error = capsys.readouterr().err
    assert f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in error
    assert "uv" in error


def test_an_old_python_gets_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert run.main([]) == 2
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_a_system_that_is_not_posix_gets_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(os, "name", "nt")
    assert run.main(["setup"]) == 2
    assert "WSL" in capsys.readouterr().err


def test_a_missing_lock_is_named(project, capsys):
    run.RUNTIME_LOCK.unlink()
    assert run.main(["setup"]) == 2
    assert "requirements.lock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dance"], "There are: up, compile, setup, test, check, fix, lock."),
        (["setup", "x"], "given: x"),
        (["up", "--fast"], "takes --compiled"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments, told, capsys):
    assert run.main(arguments) == 2
    assert told in capsys.readouterr().err


def test_help_names_every_verb(capsys):
    assert run.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for verb in ("--compiled", "compile", "setup", "test", "check", "fix", "lock"):
        assert f"run.py {verb}" in printed


def test_run_py_imports_the_standard_library_alone():
    imports = re.findall(r"^\s*(?:from|import) (\w+)", Path(run.__file__).read_text(), re.MULTILINE)
    assert len(imports) > 5
    assert set(imports) <= sys.stdlib_module_names
