"""The compiled engine: that it is what runs when it was asked for, how it is made and kept."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
import time
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import broker_runtime
from broker_runtime import compilation
from broker_runtime.compilation import CannotCompile, compiled_copy, engine_modules, main
from broker_runtime.config.options import parse
from tests.environment import IS_COMPILED

PACKAGE = Path(str(broker_runtime.__file__)).parent


@pytest.mark.parametrize("path", engine_modules(PACKAGE), ids=lambda path: path.stem)
def test_every_module_of_the_engine_is_compiled_when_that_was_asked_for(path):
    names = ("broker_runtime", *path.relative_to(PACKAGE).with_suffix("").parts)
    module = importlib.import_module(".".join(names).removesuffix(".__init__"))
    assert str(module.__file__).endswith(EXTENSION_SUFFIXES[0]) is IS_COMPILED


def test_version_says_how_the_engine_was_built(capsys):
    with pytest.raises(SystemExit):
        parse(["--version"])
    built = "compiled" if IS_COMPILED else "pure"
    assert re.fullmatch(
        rf"broker_runtime [0-9.]+ \({built}, Python 3\..+\)\n", capsys.readouterr().out
    )


def test_a_node_says_how_its_engine_was_built(node):
    node.start_ready(node.standalone)
    built = "compiled" if IS_COMPILED else "pure"
    node.wait_for_line(f" build={built} ")
    assert re.search(
        rf'^signalbox_build_info{{.*build="{built}"}} 1$', node.metrics(), re.MULTILINE
    )


class Mypyc:
    """Plays mypyc: leaves a mark in the copy, or fails."""

    def __init__(self):
        self.runs = 0
        self.problem = ""

    def __call__(self, staging):
        self.runs += 1
        if self.problem:
            raise CannotCompile(self.problem)
        (staging / "build").mkdir()
        (staging / "compiled.so").touch()


@pytest.fixture
def mypyc(monkeypatch):
    mypyc = Mypyc()
    monkeypatch.setattr(compilation, "_run_mypyc", mypyc)
    monkeypatch.setattr(compilation, "require_compiler", lambda: None)
    return mypyc


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A small package in place of the runtime."""
    package = tmp_path / "broker_runtime"
    (package / "codec").mkdir(parents=True)
    (package / "codec" / "framing.py").write_text("A = 1\n")
    (package / "node.py").write_text("B = 1\n")
    monkeypatch.setattr(compilation, "PACKAGE", package)
    return package


def test_the_same_sources_are_compiled_once(mypyc, sources, tmp_path):
    copy = compiled_copy(tmp_path / "compiled")
    assert (copy / "compiled.so").exists()
    assert (copy / "broker_runtime" / "codec" / "framing.py").read_text() == "A = 1\n"
    assert not (copy / "build").exists()
    assert compiled_copy(tmp_path / "compiled") == copy
    assert mypyc.runs == 1


@pytest.mark.parametrize("name", ["codec/framing.py", "node.py"])
def test_changed_sources_are_compiled_anew_beside_the_old_ones(mypyc, sources, tmp_path, name):
    old = compiled_copy(tmp_path / "compiled")
    (sources / name).write_text("A = 2\n")
    new = compiled_copy(tmp_path / "compiled")
    assert new != old
    assert old.exists()
    assert (new / "broker_runtime" / name).read_text() == "A = 2\n"


def test_only_the_builds_used_last_are_kept(mypyc, sources, tmp_path):
    copies = []
    for number in range(compilation.KEPT_BUILDS + 1):
        (sources / "node.py").write_text(f"B = {number}\n")
        copies.append(compiled_copy(tmp_path / "compiled"))
        os.utime(copies[-1], (number, number))
    (sources / "node.py").write_text("B = 0\n")
    now = time.time()
    assert compiled_copy(tmp_path / "compiled").stat().st_mtime >= now - 60
    kept = {path.name for path in (tmp_path / "compiled").iterdir() if path.is_dir()}
    assert len(kept) == compilation.KEPT_BUILDS
    assert copies[0].name in kept
    assert copies[1].name not in kept


def test_what_was_cut_off_is_cleared_away_and_never_used(mypyc, sources, tmp_path):
    mypyc.problem = "framing.py:1: error"
    for _ in range(2):
        with pytest.raises(CannotCompile, match="framing"):
            compiled_copy(tmp_path / "compiled")
    half = tmp_path / "compiled" / "building-abc"
    half.mkdir()
    mypyc.problem = ""
    copy = compiled_copy(tmp_path / "compiled")
    assert [path for path in copy.parent.iterdir() if path.is_dir()] == [copy]


def test_without_a_compiler_it_says_what_to_install(sources, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", "no-such-compiler -pthread")
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "'no-such-compiler' is not on the PATH" in said.err
    assert "apt install gcc" in said.err


def test_without_the_headers_of_python_it_says_what_to_install(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(CannotCompile, match=r"apt install gcc libc6-dev python3\.\d+-dev"):
        compiled_copy(tmp_path / "compiled")


def test_without_mypy_it_says_what_to_install(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CannotCompile, match=r"mypyc and setuptools not installed.*run\.py compile"):
        compiled_copy(tmp_path / "compiled")


def test_what_mypyc_refuses_is_shown_and_kept(sources, tmp_path, monkeypatch):
    def refuse(command, **options):
        assert options["cwd"].name.startswith("building-")
        return subprocess.CompletedProcess(command, 1, "many lines\nframing.py:1: error: no\n", "")

    monkeypatch.setattr(compilation, "require_compiler", lambda: None)
    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(CannotCompile, match=r"framing\.py:1: error: no"):
        compiled_copy(tmp_path / "compiled")
    assert "many lines" in (tmp_path / "compiled" / "failed.log").read_text()
