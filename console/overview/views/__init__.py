"""Views of the overview."""
