"""Changes of accounts: users, rights policies, API keys, the owner's first start."""
