"""What a client may do: ordered policies with default deny, first-level topics and limits."""
