"""The MQTT broker of a node: its shared state (``core``), the surface that the rest of the process
sees (``broker``), and around them the rooms ``links``, ``hot``, ``delivery``, ``clients``,
``durable``, ``watching``.
"""
