"""Blocking work of the sockets: in a thread, with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that may block or use the database, and await its result.

    Not in asgiref's one thread for everything: there, a node that answers slowly would hold up
    every socket of the process. The connection is closed afterwards, so that the threads of a pool
    that is idle keep none.
    """

    def call() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False)()
