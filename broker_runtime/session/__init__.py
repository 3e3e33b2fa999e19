"""One client's session without I/O: packets and now in, effects out."""
