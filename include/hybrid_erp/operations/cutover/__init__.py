"""Cutover and rollback of a region: one step a module; each finds out from the store and the ERPs where it is, and can be run again."""
