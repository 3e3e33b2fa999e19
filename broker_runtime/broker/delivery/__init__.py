"""From a PUBLISH to everybody who gets it, one message at a time."""
