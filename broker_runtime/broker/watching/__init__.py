"""What the node tells of itself: counters, events, gauges, lists of clients."""
