"""What MQTT clients may do: authorization policies."""
