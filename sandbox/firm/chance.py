"""Chance, by name: each decision has a stream of its own, so that more of one thing changes nothing about another."""

from __future__ import annotations

from random import Random


def chance(seed: int, *about: object) -> Random:
    """The stream of random numbers about something; the same in every process."""
    return Random("/".join(map(str, (seed, *about))))
