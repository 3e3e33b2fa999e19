"""What a node tells its console unasked: buffered, never in the broker's way."""
