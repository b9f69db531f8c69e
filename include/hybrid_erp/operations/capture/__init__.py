"""Capture: what people post in the ERPs' own screens becomes canonical postings, or is flagged (ACCOUNTING C20)."""
