"""Pages of messages and of one client."""
