"""Who gets a message: subscriptions, their match, shared groups; and the retained messages."""
