"""Live pages: one WebSocket that tells a page what changed."""
