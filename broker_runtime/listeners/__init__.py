"""Where clients come in: sockets, opened and closed as the listeners section says."""
