"""What a node keeps: sessions and messages for devices; a message log, traces and events for
people.

``base`` holds the Protocols. Four classes implement them (each owns its folder; give two different
ones):

- ``local.store.LocalStore(folder: Path, *, node_id: str)``: DurableStore on SQLite; survives
  kill -9 and power cuts.
- ``memory.MemoryStore()``: DurableStore in memory, for tests and a node without ``--data``.
- ``journal.segment_journal.SegmentJournal(folder: Path)``: Journal in segment files, indexed by a
  process of its own.
- ``memory_journal.MemoryJournal()``: Journal in memory, bounded by count and bytes.

Each is made without side effects, started by ``await open()`` and stopped by ``await close()``,
both on the event loop that later makes the calls. ``LocalStore.health()`` says ``FAILED`` when only
a restart can help: the node then exits non-zero (SECURITY F4).
"""
