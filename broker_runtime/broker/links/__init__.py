"""Connections, from the accept to the last byte."""
