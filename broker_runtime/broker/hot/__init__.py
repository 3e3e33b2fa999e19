"""The hot path: what comes often, in runs, with as little as possible for each message."""
