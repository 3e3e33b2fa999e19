"""Compiles the engine with mypyc: the same modules as extension modules, in a folder of their own.

``python -m broker_runtime.compilation FOLDER`` prints the path of a copy of this package whose
engine is compiled, and makes that copy first where there is none of these very sources.
``PYTHONPATH=<that path> python -P -m broker_runtime`` runs it. The sources stay as they are.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
COMPILED = ("access", "auth", "broker", "codec", "routing", "session")
"""Sub-packages of the engine. Compiled as one group: calls between them bind when they are
compiled. The rest of the runtime waits for others most of its time and gains nothing."""
OPTIMIZATION = "2"
KEPT_BUILDS = 3
"""A runtime that is running may still need the build it was started from."""
LAST_LINES = 12


class CannotCompile(Exception):
    """Something is missing or failed; the message says what, and what to do."""


def compiled_copy(folder: Path) -> Path:
    """Return the copy of this package, in a sub-folder of ``folder``, whose engine is compiled.

    Makes it when there is none of these sources, this Python and this mypyc: about a minute. Of
    several calls at once, in any number of processes, one makes it and the others wait.

    Raises:
        CannotCompile: there is no compiler, or it failed.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        require_mypyc()
        copy = folder / fingerprint(PACKAGE)
        if not copy.exists():
            require_compiler()
            sys.stderr.write("Compiling the broker (once for each version; about a minute) ...\n")
            _make(copy)
        os.utime(copy)
        _forget_old_ones(folder)
    return copy


def fingerprint(package: Path) -> str:
    """A name for what a build depends on: sources, Python, mypyc, machine."""
    digest = hashlib.sha256()
    for part in (sys.version, sysconfig.get_platform(), version("mypy"), version("setuptools")):
        digest.update(part.encode() + b"\0")
    for path in _sources(package):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def engine_modules(package: Path) -> list[Path]:
    """The modules that are compiled."""
    chosen = [package / name for name in COMPILED]
    return [path for path in _sources(package) if not set(chosen).isdisjoint(path.parents)]


def _sources(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


# What it needs


def require_mypyc() -> None:
    """Raise ``CannotCompile`` where mypyc is not installed."""
    missing = [name for name in ("mypyc", "setuptools") if not importlib.util.find_spec(name)]
    if missing:
        raise CannotCompile(
            f"{' and '.join(missing)} not installed. 'python3 run.py compile' installs what it"
            " needs; elsewhere install the packages mypy and setuptools."
        )


def require_compiler() -> None:
    """Raise ``CannotCompile`` where there is no C compiler, or no headers of this Python."""
    named = os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc")
    compiler = shlex.split(named)[0]
    python = ".".join(platform.python_version_tuple()[:2])
    packages = f"On Debian and Ubuntu: apt install gcc libc6-dev python{python}-dev"
    if not shutil.which(compiler):
        raise CannotCompile(f"there is no C compiler: {compiler!r} is not on the PATH. {packages}")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise CannotCompile(f"the headers of this Python are missing: {header}. {packages}")


# Making one


def _make(copy: Path) -> None:
    for cut_off in copy.parent.glob("building-*"):
        shutil.rmtree(cut_off)
    staging = Path(tempfile.mkdtemp(prefix="building-", dir=copy.parent))
    try:
        for path in _sources(PACKAGE):
            place = staging / PACKAGE.name / path.relative_to(PACKAGE)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        _run_mypyc(staging)
        for left in ("build", "cache"):
            shutil.rmtree(staging / left, ignore_errors=True)
        staging.rename(copy)  # whole or not at all
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _run_mypyc(staging: Path) -> None:
    """Compile in a process of its own: setuptools works in the current folder and prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "broker_runtime.compilation"],
        cwd=staging,
        env={**os.environ, "PYTHONPATH": str(staging)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = staging.parent / "failed.log"
        log.write_text(done.stdout)
        last_lines = "\n".join(done.stdout.splitlines()[-LAST_LINES:])
        raise CannotCompile(
            f"mypyc or the C compiler failed. All it said is in {log}:\n{last_lines}"
        )


def compile_here() -> None:
    """Put the extension modules beside the sources in the current folder, which is a copy."""
    from mypyc.build import mypycify
    from setuptools import setup

    modules = [str(path) for path in engine_modules(Path(PACKAGE.name))]
    # Without a configuration file: mypy would look for one in the folders above.
    options = ["--config-file=", "--cache-dir=cache"]
    extensions = mypycify([*options, *modules], opt_level=OPTIMIZATION, debug_level="0")
    jobs = str(os.cpu_count() or 1)
    arguments = ["--quiet", "build_ext", "--inplace", "--parallel", jobs]
    setup(name=PACKAGE.name, packages=[], ext_modules=extensions, script_args=arguments)


def _forget_old_ones(folder: Path) -> None:
    builds = [path for path in folder.iterdir() if path.is_dir()]
    builds.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[KEPT_BUILDS:]:
        shutil.rmtree(old, ignore_errors=True)


def main(arguments: Sequence[str], *, find: Callable[[Path], Path] = compiled_copy) -> int:
    """Print the path of the compiled copy; the exit status."""
    if not arguments:
        compile_here()
        return 0
    try:
        sys.stdout.write(f"{find(Path(arguments[0]).absolute())}\n")
    except (CannotCompile, OSError) as problem:
        sys.stderr.write(f"The broker cannot be compiled: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
