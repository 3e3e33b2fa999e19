"""Topic aliases of a connection, in both directions (MQTT 5.0 §3.3.2.3.4)."""

from __future__ import annotations

from typing import Final

from broker_runtime.codec.reasons import ReasonCode, Violation

_OUT_OF_RANGE: Final = Violation(
    ReasonCode.TOPIC_ALIAS_INVALID, "the topic alias is zero or above the announced maximum"
)
_UNKNOWN: Final = Violation(ReasonCode.PROTOCOL_ERROR, "the topic alias was never set")


MIN_TOPIC_BYTES: Final = 5
"""A shorter topic is not worth an alias, which costs three bytes itself."""


class TopicAliases:
    """Alias to topic, as the client has set them for its PUBLISHes.
    [MQTT-3.3.2-7] [MQTT-3.3.2-12]"""

    __slots__ = ("_maximum", "_topics")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._topics: dict[int, bytes] = {}

    def resolve(self, alias: int, topic: bytes, *, longest: int) -> bytes | Violation:
        """The topic meant: sets the alias when a topic comes with it [MQTT-3.3.2-8] (P20).

        Args:
            longest: a topic of more bytes will be refused, and is not remembered either: aliases
                must not be a way to fill the memory.
        """
        if not 1 <= alias <= self._maximum:
            return _OUT_OF_RANGE
        if topic:
            if len(topic) <= longest:
                self._topics[alias] = topic
            else:
                self._topics.pop(alias, None)
            return topic
        return self._topics.get(alias) or _UNKNOWN


class OutboundAliases:
    """Topic to alias, for the PUBLISHes to a client that asked for aliases.

    The first topics get the aliases and keep them as long as the connection lasts: one look-up for
    each message, no bookkeeping of their use. The other topics are sent in full.

    [MQTT-3.3.2-7] [MQTT-3.3.2-11]
    """

    __slots__ = ("_aliases", "_maximum")

    def __init__(self, maximum: int) -> None:
        self._aliases: dict[str, int] = {}
        self._maximum = maximum

    def find(self, topic: str) -> tuple[int, bool]:
        """The alias of a topic, and whether the client knows it; one that it does not know may be
        set with ``keep``. 0: the topic has to be sent in full [MQTT-3.1.2-26]."""
        alias = self._aliases.get(topic)
        if alias is not None:
            return alias, True
        alias = len(self._aliases) + 1
        if alias > self._maximum or len(topic) < MIN_TOPIC_BYTES:
            return 0, False
        return alias, False

    def keep(self, topic: str, alias: int) -> None:
        """The client was told the alias."""
        self._aliases[topic] = alias
