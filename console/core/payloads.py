"""What an action's result looks like in the cloud API: one function per action, registered by its
name.

    @presents("DescribeTopic")
    def describe_topic(actor: Actor, topic: Topic) -> dict[str, Any]: ...

Each app keeps its own in ``<app>/payloads.py``; ``console.entrances`` imports them. The API and the
command line add ``RequestId`` themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from console.core.actors import Actor

Result = TypeVar("Result")
Payload = Callable[[Actor, Any], dict[str, Any]]

PAYLOADS: dict[str, Payload] = {}


def presents(
    action_name: str,
) -> Callable[
    [Callable[[Actor, Result], dict[str, Any]]], Callable[[Actor, Result], dict[str, Any]]
]:
    """Register the function that turns the result of ``action_name`` into its response.

    The function gets the actor and what the action returned; it answers a JSON object without
    ``RequestId``.
    """

    def register(
        function: Callable[[Actor, Result], dict[str, Any]],
    ) -> Callable[[Actor, Result], dict[str, Any]]:
        if action_name in PAYLOADS:
            raise TypeError(f"Action {action_name} has a payload already: {PAYLOADS[action_name]}.")
        PAYLOADS[action_name] = function
        return function

    return register


def payload_of(action_name: str, actor: Actor, result: Any) -> dict[str, Any]:
    """The response of an action; an action that nothing presents answers an empty object."""
    present = PAYLOADS.get(action_name)
    return present(actor, result) if present else {}
