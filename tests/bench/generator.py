"""Builds the load generator from its C source, and runs it for one reading."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.cores import go_first, pinned
from tests.bench.start import Failed

SOURCES = tuple(
    Path(__file__).with_name(name)
    for name in ("generator.c", "clocks.h", "connections.h", "options.h", "wire.h")
)
FLAGS = ("-O2", "-Wall", "-Wextra")


def build(cache: Path) -> Path:
    """The generator's program: compiled when the cache has none of this source.

    Raises:
        Failed: there is no C compiler, or it refuses the source.
    """
    text = b"".join(path.read_bytes() for path in SOURCES)
    program = cache / f"generator-{hashlib.sha256(text).hexdigest()[:16]}"
    if program.exists():
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise Failed("the load generator is a C program, and there is no 'cc' (package gcc)")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(".new")
    command = [compiler, *FLAGS, "-o", str(fresh), str(SOURCES[0])]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failed(f"cc refuses the load generator: {answer.stderr.strip()[-500:]}")
    fresh.rename(program)
    return program


def drive(
    program: Path,
    options: Mapping[str, object],
    *,
    core: int,
    port: int,
    pids: Sequence[int],
    limit_s: float,
    has_priority: bool = True,
) -> dict[str, object]:
    """Run the generator once; what it printed.

    Args:
        core: the CPU it keeps to.
        pids: processes whose CPU time it reads, the broker's first.
        has_priority: whether it goes before what else this machine does.

    Raises:
        Failed: it said why, took too long or printed nothing.
    """
    given = {**options, "port": port, "pids": ",".join(map(str, pids))}
    command = [str(program)]
    for name, value in given.items():
        command += [f"-{name}", str(value)]
    with (
        pinned(core),
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        if has_priority:
            go_first(process.pid)
        try:
            told, complaint = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"the generator was not done after {limit_s:.0f} s") from None
        finally:
            process.kill()
    if process.returncode != 0:
        raise Failed(complaint.strip()[-300:] or f"exit status {process.returncode}")
    counted: dict[str, object] = json.loads(told)
    return counted
