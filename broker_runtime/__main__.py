"""``python -m broker_runtime``: run a node, make its password file, keep and restore snapshots."""

from __future__ import annotations

import asyncio
import gc
import getpass
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from broker_runtime import snapshot_command, standalone
from broker_runtime.config import reference
from broker_runtime.config.option import OptionError
from broker_runtime.config.options import Options, parse
from broker_runtime.exits import CannotStart, ExitCode
from broker_runtime.logs import start_logging
from broker_runtime.node import Node, Secrets
from broker_runtime.passwords import set_password
from broker_runtime.snapshots import SnapshotError

logger = logging.getLogger("broker_runtime")

MIN_TOKEN_LENGTH = 16
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def main(argv: Sequence[str]) -> int:
    """Run what the command line says; the exit code of the process."""
    try:
        if argv[:1] == ["passwd"]:
            return _passwd(argv[1:])
        if argv[:1] in (["snapshot"], ["restore"]):
            sys.stdout.write(snapshot_command.run(argv))
            return ExitCode.STOPPED
        if argv == ["options"]:
            sys.stdout.write(reference.markdown())
            return ExitCode.STOPPED
        options = parse(argv, os.environ)
        start_logging(options.log_level, options.log_format)
        secrets = _read_secrets(options)
        if options.check_only:
            if options.is_standalone:
                standalone.check(options)
            sys.stdout.write("The configuration is well.\n")
            return ExitCode.STOPPED
        with asyncio.Runner(loop_factory=_loop_factory(options.loop)) as runner:
            return runner.run(_serve(options, secrets))
    except standalone.FILE_ERRORS as error:
        return _fail(ExitCode.OPTIONS, str(error))
    except SnapshotError as error:
        return _fail(ExitCode.DATA, str(error))
    except CannotStart as error:
        return _fail(error.exit_code, str(error))
    except Exception:
        logger.exception("node_failed")
        return ExitCode.FAILED


async def _serve(options: Options, secrets: Secrets) -> int:
    # Each message makes objects that live until the next write of the message log; at the default
    # thresholds the collector walks them again and again. 2026-11-20, QoS 0, one to one: 490,000
    # messages a CPU second instead of 350,000.
    gc.set_threshold(50_000, 20, 50)
    return await Node(options, secrets).run()


def _fail(exit_code: ExitCode, message: str) -> int:
    sys.stderr.write(f"broker_runtime: {message}\n")
    return exit_code


def _passwd(arguments: Sequence[str]) -> int:
    """Set a password, from the terminal without echo, else from the first line of the input."""
    if len(arguments) != 2:
        raise OptionError("usage: python -m broker_runtime passwd FILE USERNAME")
    path, username = arguments
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {username}: ")
        if getpass.getpass("Once more: ") != password:
            raise OptionError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise OptionError("an empty password is refused; nothing was changed")
    set_password(Path(path), username, password)
    sys.stdout.write(f"Password of {username} set in {path}.\n")
    return ExitCode.STOPPED


def _read_secrets(options: Options) -> Secrets:
    return Secrets(
        control_token=_token("token-file", options.token_file),
        telemetry_token=_token("telemetry-token-file", options.telemetry_token_file),
    )


def _token(option: str, path: Path | None) -> str:
    """What the file holds, without the space around it."""
    if path is None:
        return ""
    try:
        token = path.read_text(encoding="ascii").strip()
        is_open = bool(path.stat().st_mode & 0o077)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--{option} {path}: {error}") from None
    if len(token) < MIN_TOKEN_LENGTH or not token.isprintable() or " " in token:
        raise OptionError(f"--{option} {path}: one token of {MIN_TOKEN_LENGTH} characters or more")
    if is_open:
        logger.warning("token_file_open file=%s advice=%s", path, "chmod 600")
    return token


def _loop_factory(choice: str) -> LoopFactory | None:
    """None is asyncio's own loop."""
    if choice == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if choice == "uvloop":
            raise OptionError("--loop uvloop: the package uvloop is not installed") from None
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
