"""The control API of a node: configuration in, commands in, questions out, Prometheus text."""
