"""The doors to the outside: the canonical API."""
