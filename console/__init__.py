"""The Django project, the one gate, accounts, cloud API, live pages and the supervisor."""
