"""The settings of a node: one table for the command line, environment, TOML file, limits and docs.

A new setting of the broker is a field of ``broker.settings.BrokerSettings`` and a row of
``table.TABLE``; of the node itself, a field of ``options.Options`` and a row.
``python -m broker_runtime options`` prints the rows for ``docs/broker.md``.
"""

from __future__ import annotations
