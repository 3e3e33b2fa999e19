"""Shared state of a node: sessions, routes, delivery, limits, and what a client's packets do to
them.
"""
