"""The evidence of one cutover in one file: its parts, their chain of hashes, its signature, and how anybody verifies it without us."""
