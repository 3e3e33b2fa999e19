"""Who a client is: a chain of authenticators; silence refuses."""
