"""The states of a connection."""

from __future__ import annotations

from typing import Final

NEW: Final = 0
"""Before CONNECT."""
DECIDING: Final = 1
"""CONNECT came; the answer is not known yet."""
LIVE: Final = 2
"""CONNACK was sent."""
CLOSED: Final = 3
"""Over; the transport may still write its last bytes."""
