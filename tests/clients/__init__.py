"""MQTT clients that others wrote, against a node of ours and against one another."""
