"""Ready-to-paste clients for an endpoint."""

from __future__ import annotations

from clusters.models import Endpoint

USERNAME = "USERNAME"
PASSWORD = "PASSWORD"  # noqa: S105  # a place to fill in, no secret
TOPIC = "demo/hello"

_PYTHON = """\
# pip install paho-mqtt
import paho.mqtt.client as mqtt


def on_connect(client, userdata, flags, reason_code, properties):
    print("connected:", reason_code)
    client.subscribe("demo/#", qos=1)
    client.publish("demo/hello", "Hello from Python", qos=1)


def on_message(client, userdata, message):
    print(message.topic, message.payload.decode(errors="replace"))


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.username_pw_set("{username}", "{password}")
client.on_connect = on_connect
client.on_message = on_message
client.connect("{host}", {port})
client.loop_forever()
"""


def snippets_of(endpoint: Endpoint | None) -> list[dict[str, str]]:
    """Title and code for a TCP endpoint, subscriber first; none without an endpoint."""
    if endpoint is None:
        return []
    host, port = endpoint.host, endpoint.port
    shared = f"-h {host} -p {port} -V mqttv5 \\\n  -u {USERNAME} -P {PASSWORD} \\\n "
    python = _PYTHON.format(host=host, port=port, username=USERNAME, password=PASSWORD)
    return [
        {"title": "mosquitto_sub", "code": f"mosquitto_sub {shared} -t 'demo/#' -q 1 -v"},
        {
            "title": "mosquitto_pub",
            "code": f"mosquitto_pub {shared} -t {TOPIC} -q 1 -m 'Hello from the shell'",
        },
        {"title": "Python", "code": python},
    ]
