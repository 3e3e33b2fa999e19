"""What a node keeps: durable sessions, retained messages and the durable log; the message log, traces and events."""
