"""First-level topics and test messages."""
