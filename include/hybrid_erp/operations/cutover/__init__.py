"""The cutover of a region and the way back: one step a module, each by the facts of store and ERPs, never by memory."""
