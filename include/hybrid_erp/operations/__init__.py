"""What is done with many postings: replay, and later load, reconcile, cutover, rollback. Clients of the flow, never a second way in."""
