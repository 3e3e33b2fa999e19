"""Durable sessions and messages of one node on SQLite: WAL, synchronous=FULL, one writer thread,
group commit.

Reading order: ``files`` (open, create, check), ``writes`` (each write as an object), ``faults``
(what an error means), ``writer`` (the thread), ``store`` (what the broker calls).
"""
