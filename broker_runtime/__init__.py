"""The Signalbox MQTT broker: one process per cluster node, knows nothing of the console."""
