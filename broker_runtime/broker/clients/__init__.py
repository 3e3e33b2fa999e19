"""Clients as the node knows them: sessions, subscriptions, ids."""
