"""Retained messages by topic, found by topic filter (MQTT 5.0 §3.3.1.3, §4.7)."""

from __future__ import annotations

from typing import Generic, TypeVar

from broker_runtime.codec.topics import has_wildcard

M = TypeVar("M")


class _Entry(Generic[M]):
    __slots__ = ("message", "size_bytes")

    def __init__(self, message: M, size_bytes: int) -> None:
        self.message = message
        self.size_bytes = size_bytes


class _Node(Generic[M]):
    __slots__ = ("children", "entry")

    def __init__(self) -> None:
        self.children: dict[str, _Node[M]] = {}
        self.entry: _Entry[M] | None = None


class RetainedTree(Generic[M]):
    """One message for each topic; ``M`` is whatever the broker keeps (``StoredMessage``)."""

    __slots__ = ("_entries", "_root", "size_bytes")

    def __init__(self) -> None:
        self._root: _Node[M] = _Node()
        self._entries: dict[str, _Entry[M]] = {}
        self.size_bytes = 0
        """Sum of what ``put`` was told of the messages held."""

    def put(self, topic: str, message: M, size_bytes: int) -> bool:
        """Set the message of a topic [MQTT-3.3.1-5]; True when the topic had none.
        [MQTT3-3.3.1-5] [MQTT3-3.3.1-7]"""
        former = self._entries.get(topic)
        if former is not None:
            self.size_bytes += size_bytes - former.size_bytes
            former.message = message
            former.size_bytes = size_bytes
            return False
        node = self._root
        for level in topic.split("/"):
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
            node = child
        node.entry = self._entries[topic] = _Entry(message, size_bytes)
        self.size_bytes += size_bytes
        return True

    def delete(self, topic: str) -> M | None:
        """Remove the message of a topic [MQTT-3.3.1-6] and return it; None when it had none.
        [MQTT3-3.3.1-10]"""
        entry = self._entries.pop(topic, None)
        if entry is None:
            return None
        self.size_bytes -= entry.size_bytes
        levels = topic.split("/")
        path = [self._root]
        for level in levels:
            path.append(path[-1].children[level])
        path[-1].entry = None
        while levels:
            node = path.pop()
            if node.children or node.entry is not None:
                break
            del path[-1].children[levels.pop()]
        return entry.message

    def get(self, topic: str) -> M | None:
        """The message of a topic."""
        entry = self._entries.get(topic)
        return None if entry is None else entry.message

    def match(self, topic_filter: str) -> list[M]:
        """All messages that a valid filter (without ``$share``) matches, in no order."""
        if not has_wildcard(topic_filter):
            entry = self._entries.get(topic_filter)
            return [] if entry is None else [entry.message]
        scan = self.scan(topic_filter)
        found: list[M] = []
        while not scan.done:
            found += scan.step(65_536)
        return found

    def scan(self, topic_filter: str) -> RetainedScan[M]:
        """The same in bounded steps; the tree may change between them.

        A message that is there from the first step to the last is found once; of one that comes or
        goes meanwhile nothing is promised.
        """
        return RetainedScan(self._root, topic_filter.split("/"))

    def __len__(self) -> int:
        """Number of retained messages."""
        return len(self._entries)


class _Siblings(Generic[M]):
    """Nodes still to be looked at against the filter from level ``depth`` on."""

    __slots__ = ("depth", "nodes")

    def __init__(self, nodes: list[_Node[M]], depth: int) -> None:
        self.nodes = nodes
        self.depth = depth


class RetainedScan(Generic[M]):
    """An unfinished search; ``done`` when there is nothing more."""

    __slots__ = ("_levels", "_pending", "_root", "done")

    def __init__(self, root: _Node[M], levels: list[str]) -> None:
        self._root = root
        self._levels = levels
        self._pending: list[_Siblings[M]] = []
        self._open(root, 0)
        self.done = not self._pending

    def step(self, max_visits: int) -> list[M]:
        """Look at no more than ``max_visits`` topics and levels of topics.

        Returns:
            What was found, perhaps nothing although the scan is not done.
        """
        found: list[M] = []
        pending = self._pending
        for _ in range(max_visits):
            if not pending:
                break
            siblings = pending[-1]
            node = siblings.nodes.pop()
            if not siblings.nodes:
                pending.pop()
            depth = siblings.depth
            ends = depth == len(self._levels) or self._levels[depth] == "#"
            if ends and node.entry is not None:
                found.append(node.entry.message)
            self._open(node, depth)
        self.done = not pending
        return found

    def _open(self, node: _Node[M], depth: int) -> None:
        """Add the children of a node that agree with the filter's next level."""
        if depth == len(self._levels):
            return
        level = self._levels[depth]
        if level not in ("+", "#"):
            child = node.children.get(level)
            if child is not None:
                self._pending.append(_Siblings([child], depth + 1))
            return
        if node is self._root:
            # [MQTT-4.7.2-1] a wildcard at the first level does not match "$…"
            nodes = [child for name, child in node.children.items() if not name.startswith("$")]
        else:
            nodes = list(node.children.values())
        if nodes:
            self._pending.append(_Siblings(nodes, depth if level == "#" else depth + 1))
