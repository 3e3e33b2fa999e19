"""What outlives connections and crashes: saved sessions, the log read again, shared groups."""
