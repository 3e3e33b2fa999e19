"""A node as a console runs it, but one that serves clients without a username.

A node of a console asks each client for a password; the brokers it is compared with do not.
Everything else is as in ``python -m broker_runtime``, whose options it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from unittest import mock

from broker_runtime import __main__ as program
from broker_runtime.config.options import Options, parse


def open_to_everybody(argv: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options, and clients need no username."""
    options = parse(argv, environment)
    return replace(options, broker=replace(options.broker, allow_anonymous=True))


if __name__ == "__main__":
    with mock.patch.object(program, "parse", open_to_everybody):
        sys.exit(program.main(sys.argv[1:]))
