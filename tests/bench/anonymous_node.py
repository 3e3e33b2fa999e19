"""A node as a console runs it, but one that serves clients without a username.

A node of a console asks each client for a password; the brokers it is compared with do not.
Everything else is as in ``python -m broker_runtime``, whose options it takes.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from broker_runtime import __main__ as program
from broker_runtime.config import parse
from broker_runtime.logs import start_logging


def main() -> int:
    """Serve until told to stop; the exit code of the process."""
    options = replace(parse(sys.argv[1:]), allow_anonymous=True)
    start_logging(options.log_level)
    secrets = program._read_secrets(options)
    with asyncio.Runner(loop_factory=program._loop_factory(options.loop)) as runner:
        return runner.run(program._serve(options, secrets))


if __name__ == "__main__":
    sys.exit(main())
