"""Chunks of bytes that wait to be written, handed out in bounded pieces without copying large
ones."""

from __future__ import annotations

Chunk = bytes | memoryview


def take(chunks: list[Chunk], limit_bytes: int) -> Chunk:
    """Remove up to ``limit_bytes`` from the front of a list that is not empty.

    A chunk larger than the limit is cut: the rest stays, as a view that shares its memory with
    every other receiver of the message (E7).
    """
    first = chunks[0]
    if len(first) > limit_bytes:
        view = memoryview(first)
        chunks[0] = view[limit_bytes:]
        return view[:limit_bytes]
    count = size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            break
        count += 1
    if count == 1:
        return chunks.pop(0)
    taken = b"".join(chunks[:count])
    del chunks[:count]
    return taken
