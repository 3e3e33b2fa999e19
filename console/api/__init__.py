"""The cloud API: signed JSON at ``POST /``, and the dispatch that the command line shares."""
