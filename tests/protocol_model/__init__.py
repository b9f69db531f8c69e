"""A runnable model of the protocol: every interleaving of workers, ERPs, time and the runbook, searched for a state that must not be.

`docs/protocol.md` says what it covers and how a rule is changed. Run it: `python -m tests.protocol_model`.
"""
