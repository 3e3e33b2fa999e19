"""``python -m broker_runtime snapshot`` and ``restore``, for operators without a console."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from broker_runtime import snapshots


def run(argv: Sequence[str]) -> str:
    """Carry the command line out; what to print.

    Raises:
        SnapshotError: nothing was changed; the message says what to do.
    """
    asked = _parser().parse_args(argv)
    now_ms = time.time_ns() // 1_000_000
    if asked.command == "snapshot":
        manifest = snapshots.take(asked.data, asked.destination, now_ms=now_ms)
        return (
            f"Snapshot of node {manifest.node_id} in {asked.destination}: "
            f"{manifest.size_bytes} bytes.\n"
        )
    manifest = snapshots.restore(
        asked.source, asked.data, replace=asked.replace, node_id=asked.node_id, now_ms=now_ms
    )
    taken = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(manifest.taken_ms / 1000))
    return f"Restored node {asked.node_id or manifest.node_id} as of {taken} in {asked.data}.\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m broker_runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser(
        "snapshot", help="copy a data folder, also while a node runs on it"
    )
    taking.add_argument("--data", type=Path, required=True, help="the data folder of the node")
    taking.add_argument("destination", type=Path, help="a folder to be made")
    restoring = commands.add_parser("restore", help="put a snapshot in a data folder")
    restoring.add_argument("--data", type=Path, required=True, help="the data folder to fill")
    restoring.add_argument(
        "--replace", action="store_true", help="move away what the data folder holds"
    )
    restoring.add_argument(
        "--node-id", default="", help="the node that is to use it; by default the one it was of"
    )
    restoring.add_argument("source", type=Path, help="the folder of the snapshot")
    return parser
