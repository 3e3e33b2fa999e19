"""Pages of one cluster: its head, its creation, its changes and its end."""
