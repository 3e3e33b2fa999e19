"""The wire contract between a console and a broker runtime: typed, versioned, without I/O.

Four modules, by the direction in which the words travel:

``configuration``  console → runtime: desired state, in sections, each replaced as a whole
``commands``       console → runtime: do something now (kick, publish)
``queries``        console → runtime: tell me something (clients, messages, traces, events)
``reports``        runtime → console: telemetry, pushed over one WebSocket
"""

from __future__ import annotations

CONTRACT_VERSION = 1
"""Sent as the header ``Signalbox-Contract``; a peer that speaks another version is refused."""

CONTRACT_HEADER = "Signalbox-Contract"
NODE_HEADER = "Signalbox-Node"
"""Node id, on the telemetry socket: whose token it is that the ``Authorization`` header shows."""
