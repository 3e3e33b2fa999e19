"""Bytes to packets and back, MQTT 3.1, 3.1.1 and 5.0, without I/O.

Reading order: ``packets`` and ``reasons`` (words), ``framing`` (where a packet begins and ends),
``properties`` (MQTT 5 §2.2.2.2 as one table), ``decoder`` (every packet), ``publish`` (the hot path
of PUBLISH), ``encoder``, ``stream`` (bytes in, packets out: clients, tests), ``topics`` (names,
filters, shared subscriptions).

The law of the package: what a peer sent never raises. It comes out as a ``reasons.Violation``.
"""
