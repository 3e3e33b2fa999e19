"""The folder of a node on this machine: whether a process still works in it, and its removal."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from pathlib import Path

from django.conf import settings

LOCK = "node.lock"
"""Locked by the runtime as long as it lives, however it dies."""
_NODE_ID = re.compile(r"mqtt-[a-z0-9]{8}-n\d{1,3}")


def path_of(node_id: str) -> Path:
    """Where the node keeps its data; raises ``ValueError`` for what is no node id."""
    if not _NODE_ID.fullmatch(node_id):
        raise ValueError(f"{node_id!r} is not a node id.")
    return Path(settings.ENVIRONMENT.home) / "nodes" / node_id


def is_in_use(node_id: str) -> bool:
    """Whether a process works in the folder."""
    try:
        descriptor = os.open(path_of(node_id) / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove(node_id: str) -> None:
    """Delete the folder with everything in it; one that is gone already is fine.

    Raises:
        OSError: something in it cannot be deleted.
    """
    try:
        shutil.rmtree(path_of(node_id))
    except FileNotFoundError:
        if path_of(node_id).exists():
            raise
