"""Cutover and rollback of a region: one step a module; each finds out from the store and the ERPs where it is, and can be run again."""
"""The cutover of a region and the way back: one step a module, each by the facts of store and ERPs, never by memory."""
