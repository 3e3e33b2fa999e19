"""Who may use the console: users and sub-users, rights policies, API keys, sign-in."""
