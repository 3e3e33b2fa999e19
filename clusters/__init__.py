"""Clusters and their lifecycle, specifications, endpoints, nodes, clients and sessions."""
