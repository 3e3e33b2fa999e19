#!/usr/bin/env python3
"""Set Signalbox up, start it, test it: the one command a fresh machine needs.

python3 run.py              start everything (the first start installs what it needs)
python3 run.py --compiled   the same, with brokers that mypyc compiled (needs a C compiler)
python3 run.py compile      only compile, and print where: PYTHONPATH=… python -P -m broker_runtime
python3 run.py setup        only install; `setup tests`: what the tests and checks need as well
python3 run.py test [...]   run every test; what follows goes to pytest
python3 run.py check        format, lint, types, imports, migrations, translations, locks
python3 run.py fix          repair what the formatters and the linter can repair by themselves
python3 run.py lock         resolve the dependencies of pyproject.toml into the lock files

Standard library only, and without the newest syntax: an old Python shall answer with a sentence.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "signalbox-installed.json"
"""Says which locks are installed completely, and for which Python."""
UNFINISHED = VENV / "signalbox-installing"
"""Stands while an installation runs; found at a start, it means that one was cut off."""
INSTALL_LOG = VENV / "signalbox-install.log"
RUNTIME_LOCK = ROOT / "requirements.lock"
COMPILED_LOCK = ROOT / "requirements-compiled.lock"
DEVELOPMENT_LOCK = ROOT / "requirements-dev.lock"
LOCK_OPTIONS = (
    *("--universal", "--generate-hashes", "--python-version", "3.11", "--no-header"),
    *("--annotation-style", "line", "--quiet", "--extra", "speed"),
)
ARGUMENTS = {"up": ["--compiled"], "setup": ["tests"]}
"""Verb → the one argument that it takes."""
LOCKED_BESIDES = ((), ("--extra", "compiled"), ("--group", "dev"))  # what each lock adds
MODULE_TESTS = ("tests/architecture/test_modules.py", "tests/architecture/test_project.py")
PRODUCTION = {
    "SIGNALBOX_PUBLIC_URL": "https://signalbox.example",
    "SIGNALBOX_ALLOWED_HOSTS": "signalbox.example",
}
"""As behind TLS: what ``check --deploy`` judges."""

DIAGNOSES = {
    ("do not match the hashes", "hash mismatch"): (
        "a downloaded package is not the one that the lock file names (its hash differs);\n"
        "  nothing of it was used. The package index, or a proxy on the way, serves another file:\n"
        "  try again, or use another index."
    ),
    ("no space left on device", "disk quota exceeded", "os error 28"): (
        "the disk is full. Free about 500 MB and start again."
    ),
    ("permission denied", "read-only file system"): (
        "a file or folder may not be written. Check who owns this folder and the temporary folder."
    ),
    ("certificate_verify_failed", "invalid peer certificate"): (
        "the package index shows a certificate that this machine does not trust. Behind a\n"
        "  company's proxy, name its certificate (pip: PIP_CERT, uv: SSL_CERT_FILE)."
    ),
    (
        *("temporary failure in name resolution", "name or service not known", "dns error"),
        *("connection refused", "timed out", "network is unreachable", "newconnectionerror"),
        *("error sending request", "failed to establish a new", "cannot connect to proxy"),
    ): (
        "the package index cannot be reached. Connect this machine to the network, or name an\n"
        "  index that it can reach (pip: PIP_INDEX_URL, uv: UV_DEFAULT_INDEX)."
    ),
    ("no matching distribution found", "no wheels with a matching"): (
        "the package index cannot be reached, or has no build of a package for this machine and\n"
        "  this Python."
    ),
}
"""What installers write (lower case) when something outside is wrong → what to do about it."""


class CannotGoOn(Exception):
    """Something outside of Signalbox is missing; the message says what, and what to do."""


def main(arguments: list[str]) -> int:
    """Do what the first argument names; return the exit status."""
    verbs = {verb.__name__: verb for verb in (up, compile, setup, test, check, fix, lock)}
    if not arguments or arguments[0] == "--compiled":
        arguments = ["up", *arguments]
    verb, rest = arguments[0], arguments[1:]
    if verb in ("-h", "--help", "help"):
        print(__doc__)
        return 0
    try:
        require_platform()
        if verb not in verbs:
            raise CannotGoOn(f"{verb!r} is not a verb. There are: {', '.join(verbs)}.")
        if rest and verb != "test" and rest != ARGUMENTS.get(verb):
            takes = " ".join(ARGUMENTS.get(verb, ["no arguments"]))
            raise CannotGoOn(f"{verb} takes {takes}, but was given: {' '.join(rest)}")
        return verbs[verb](rest)
    except CannotGoOn as problem:
        print(f"run.py cannot go on: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


# The verbs


def up(rest: list[str]) -> int:
    """Install what is missing, then become the supervisor, which keeps this process's id."""
    install("compiled" if rest else "runtime")
    os.environ["SIGNALBOX_HOME"] = home()
    if rest:
        os.environ["SIGNALBOX_RUNTIME"] = compiled_broker()
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", "console.supervisor"])


def compile(_rest: list[str]) -> int:
    """Compile the broker where that was not done yet; print the folder, and nothing else."""
    with contextlib.redirect_stdout(sys.stderr):
        install("compiled")
        folder = compiled_broker()
    print(folder)
    return 0


def setup(rest: list[str]) -> int:
    """Only install what running needs, or the tests."""
    install("development" if rest else "runtime")
    print("Signalbox is set up. Start it with: python3 run.py")
    return 0


def test(rest: list[str]) -> int:
    """Run the tests, those in the browser too; extra arguments are pytest's."""
    install("development")
    run_in_venv("python", "-m", "tests.programs")
    workers = () if any(option.startswith("-n") for option in rest) else ("-n", "2")
    return run_in_venv("pytest", *workers, "--dist", "loadgroup", *rest)


def check(_rest: list[str]) -> int:
    """Do everything that must hold before a commit, except the tests; then name what failed."""
    install("development")
    steps = {
        "formatting": ("ruff", "format", "--check", "."),
        "lint": ("ruff", "check", "."),
        "templates": ("djade", "--target-version", "5.2", "--check", *templates()),
        "types": ("mypy",),
        "imports": ("lint-imports",),
        "modules": ("pytest", "-q", "-n0", *MODULE_TESTS),
        "migrations": ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
        "deployment": ("python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        "translations": ("python", "manage.py", "translations", "--check"),
    }
    failed = []
    with tempfile.TemporaryDirectory(prefix="signalbox-check-") as home:
        for name, command in steps.items():
            print(f"== {name}", flush=True)
            production = PRODUCTION if name == "deployment" else {}
            # Never on the data of an installation that is in use.
            if run_in_venv(*command, SIGNALBOX_HOME=home, **production) != 0:
                failed.append(name)
    print("== locks", flush=True)
    if not locks_are_in_step():
        failed.append("locks")
    print(f"Not in order: {', '.join(failed)}" if failed else "Everything is in order.")
    return 1 if failed else 0


def fix(_rest: list[str]) -> int:
    """Let the formatters and the linter repair what they can; non-zero where something is left."""
    install("development")
    run_in_venv("djade", "--target-version", "5.2", *templates())  # its status says "repaired some"
    left = run_in_venv("ruff", "check", "--fix", ".")
    return run_in_venv("ruff", "format", ".") or left


def lock(_rest: list[str]) -> int:
    """Resolve the dependencies, keeping every locked version that still fits."""
    install("development")
    resolve(ROOT)
    print("The lock files are in step with pyproject.toml.")
    return 0


# Installing


def require_platform() -> None:
    """Refuse a Python or a system on which Signalbox cannot run."""
    if sys.version_info < OLDEST_PYTHON:
        raise CannotGoOn(
            f"Signalbox needs Python {version(OLDEST_PYTHON)} or newer, and {sys.executable} is "
            f"Python {version(sys.version_info[:2])}.\n"
            "  Start it with a newer one, for example: python3.12 run.py"
        )
    if os.name != "posix":
        raise CannotGoOn("Signalbox runs on Linux and macOS. On Windows, use it inside WSL.")


def home() -> str:
    """Return the folder of all data; a relative one is meant from where the operator stands."""
    folder = os.environ.get("SIGNALBOX_HOME") or str(ROOT / ".signalbox")
    return os.path.abspath(os.path.expanduser(folder))


def compiled_broker() -> str:
    """Return the folder with the compiled broker; the first time it takes about a minute."""
    command = [str(PYTHON), "-m", "broker_runtime.compilation", os.path.join(home(), "compiled")]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode != 0:
        raise CannotGoOn("the broker was not compiled. Without --compiled it runs as it is.")
    return answer.stdout.strip()


def install(kind: str) -> None:
    """Bring ``.venv`` to what the locks name, hashes checked; returns at once where it is there.

    Args:
        kind: ``runtime``, ``compiled`` or ``development``; each lock holds all of those before.
    """
    import fcntl  # POSIX only: imported after the sentence for other systems

    wanted = {}
    for name, path in locks().items():
        wanted[name] = digest(path)
        if name == kind:
            break
    with open(__file__, "rb") as turnstile:  # of two starts at once, the second waits
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        python = venv_python_version()
        stamp = read_stamp()
        if python and stamp.items() >= {"python": python, **wanted}.items():
            return
        cut_off = UNFINISHED.exists()
        other_python = not python or stamp.get("python", python) != python
        no_installer = not find_uv() and not any(VENV.glob("lib/*/site-packages/pip"))
        if VENV.exists() and (cut_off or other_python or no_installer):
            shutil.rmtree(VENV)
        if not VENV.exists():
            make_venv()
        UNFINISHED.touch()
        STAMP.unlink(missing_ok=True)
        install_lock(path)
        STAMP.write_text(json.dumps({"python": venv_python_version(), **wanted}))
        UNFINISHED.unlink()


def locks() -> dict[str, Path]:
    """Return the lock of each kind of installation, the smallest first."""
    return {"runtime": RUNTIME_LOCK, "compiled": COMPILED_LOCK, "development": DEVELOPMENT_LOCK}


def digest(path: Path) -> str:
    """Name the content of a lock file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise CannotGoOn(f"{problem}. Is this a complete copy of the project?") from problem


def read_stamp() -> dict[str, str]:
    """Return what was installed completely, and for which Python; empty where nothing was."""
    try:
        content = {} if UNFINISHED.exists() else json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def venv_python_version() -> str:
    """Return the version ("3.11") of the Python in ``.venv``; empty where none starts."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [str(PYTHON), "-I", "-S", "-c", question], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return answer.stdout.strip()


def find_uv() -> str | None:
    """Return the path of ``uv`` where the machine, or ``.venv``, has one."""
    own = VENV / "bin" / "uv"
    return shutil.which("uv") or (str(own) if own.exists() else None)


def make_venv() -> None:
    """Create ``.venv``, with pip in it where there is no uv."""
    uv = find_uv()
    if uv:
        command = [uv, "venv", "--quiet", "--python", sys.executable, str(VENV)]
    elif importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        command = [sys.executable, "-m", "venv", str(VENV)]
    else:
        raise CannotGoOn(
            "this Python has no venv module with pip. Install one of these and start again:\n"
            f"  - on Debian and Ubuntu: apt install python{version(sys.version_info[:2])}-venv\n"
            "  - anywhere: uv (a single program; its documentation says how), on the PATH"
        )
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise CannotGoOn(explain("making .venv", answer.stdout + answer.stderr))


def install_lock(path: Path) -> None:
    """Install exactly what a lock file names."""
    uv = find_uv()
    installer = [uv, "pip", "install", "--python", str(PYTHON)] if uv else pip_install()
    count = sum("==" in line for line in path.read_text().splitlines())
    print(f"Installing {count} packages into .venv (once; about a minute) ...", flush=True)
    with INSTALL_LOG.open("w+") as log:
        command = [*installer, "--require-hashes", "-r", str(path)]
        status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
        log.seek(0)
        said = log.read()
    if status != 0:
        raise CannotGoOn(explain("installing the packages", said))


def pip_install() -> list[str]:
    """Return how the pip in ``.venv`` is told to install, quietly and without questions."""
    quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    return [str(PYTHON), "-m", "pip", "install", *quiet]


def explain(attempt: str, said: str) -> str:
    """Turn an installer's output into a sentence, followed by the output's last lines."""
    lowered = said.lower()
    found = (f": {cure}" for signs, cure in DIAGNOSES.items() if any(s in lowered for s in signs))
    noise = ("WARNING", "Ignoring", "Requirement already")
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(noise)]
    last_words = "\n".join(f"    {line}" for line in lines[-8:])
    return f"{attempt} failed{next(found, '.')}\n  The installer's last words:\n{last_words}"


# Tools


def version(numbers: tuple[int, ...]) -> str:
    """Write a version's first two numbers."""
    return ".".join(map(str, numbers[:2]))


def templates() -> list[str]:
    """Return every template, for a tool that wants files rather than a folder."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "templates").rglob("*.html"))


def run_in_venv(program: str, *arguments: str, **surroundings: str) -> int:
    """Run a program of ``.venv`` in the project's folder; return its exit status."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **surroundings}
    command = [str(VENV / "bin" / program), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def resolve(folder: Path) -> None:
    """Bring the locks in a folder in step with its pyproject.toml."""
    more: tuple[str, ...] = ()
    constraint: tuple[str, ...] = ()
    for path, group in zip(locks().values(), LOCKED_BESIDES, strict=True):
        more += group
        uv = [str(VENV / "bin" / "uv"), "pip", "compile", *LOCK_OPTIONS, *more, *constraint]
        command = [*uv, "-o", path.name, "pyproject.toml"]
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise CannotGoOn(explain("resolving the dependencies", answer.stdout + answer.stderr))
        constraint = ("-c", path.name)


def locks_are_in_step() -> bool:
    """Whether resolving again, with the locked versions preferred, changes nothing."""
    paths = locks().values()
    with tempfile.TemporaryDirectory(prefix="signalbox-locks-") as folder:
        for path in (ROOT / "pyproject.toml", *paths):
            shutil.copy(path, folder)
        resolve(Path(folder))
        same = all((Path(folder) / path.name).read_bytes() == path.read_bytes() for path in paths)
    if not same:
        print("The locks do not follow pyproject.toml: python3 run.py lock, and commit the result.")
    return same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
