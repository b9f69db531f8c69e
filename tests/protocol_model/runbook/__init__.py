"""The runbook: two runs, one of them perhaps a ghost, a watcher, lock calls that arrive late, and a freeze that lapses."""
