"""How MQTT clients prove who they are: users and their passwords."""
