"""Hybrid ERP: run two ERPs as one and move a firm's ledger between them, region by region."""

__version__ = "0.1.0"
