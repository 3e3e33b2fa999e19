"""Topic aliases that a client has set for its PUBLISHes (MQTT 5.0 §3.3.2.3.4)."""

from __future__ import annotations

from broker_runtime.codec.reasons import ReasonCode, Violation

_OUT_OF_RANGE = Violation(
    ReasonCode.TOPIC_ALIAS_INVALID, "the topic alias is zero or above the announced maximum"
)
_UNKNOWN = Violation(ReasonCode.PROTOCOL_ERROR, "the topic alias was never set")


class TopicAliases:
    """Alias to topic, for one connection."""

    __slots__ = ("_maximum", "_topics")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._topics: dict[int, bytes] = {}

    def resolve(self, alias: int, topic: bytes) -> bytes | Violation:
        """The topic meant: sets the alias when a topic comes with it [MQTT-3.3.2-8] (P20)."""
        if not 1 <= alias <= self._maximum:
            return _OUT_OF_RANGE
        if topic:
            self._topics[alias] = topic
            return topic
        return self._topics.get(alias) or _UNKNOWN
