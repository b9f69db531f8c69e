"""Each guard is there for something: taken away, alone or beside another, its bug shows with the shortest trace that leads to it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.builders import CONFIG
from tests.protocol_model.catalogue import REMOVALS, table
from tests.protocol_model.guards import Guards
from tests.protocol_model.removals import REDUNDANT, Removal

NEEDED = [each for each in REMOVALS if each.breaks != REDUNDANT]
REDUNDANT_ALONE = [each for each in REMOVALS if each.breaks == REDUNDANT]
EACH_GUARD = [each.name for each in fields(Guards)]

#: Second lines, which no combination within this scope needs: PROTOCOL section 3 keeps them because they are cheap.
SECOND_LINES = {"begun_is_bound", "mark_outlives_give_back", "proof_is_of_the_credential"}


@pytest.mark.exploration
@pytest.mark.parametrize("removal", NEEDED, ids=lambda each: each.name)
def test_without_these_guards_a_promise_is_broken(removal: Removal) -> None:
    found = removal.search()

    assert len(found.broken.get(removal.breaks, ())) == removal.steps, list(found.broken)


@pytest.mark.exploration
@pytest.mark.parametrize("removal", REDUNDANT_ALONE, ids=lambda each: each.name)
def test_a_guard_that_is_redundant_alone_breaks_nothing_alone(removal: Removal) -> None:
    found = removal.search()

    assert found.broken == {}
    assert found.complete


@pytest.mark.parametrize("guard", EACH_GUARD)
def test_each_guard_is_taken_away_alone(guard: str) -> None:
    assert any(each.guards == (guard,) for each in REMOVALS)


@pytest.mark.parametrize("guard", sorted(set(EACH_GUARD) - SECOND_LINES))
def test_each_guard_is_needed_alone_or_beside_another(guard: str) -> None:
    assert any(guard in each.guards for each in NEEDED)


def test_a_combination_names_no_guard_that_it_does_not_need() -> None:
    def smaller(other: Removal, each: Removal) -> bool:
        return set(other.guards) < set(each.guards) and other.where == each.where

    assert not [each.name for each in NEEDED for other in NEEDED if smaller(other, each)]


def test_the_documentation_shows_the_table_of_guards_as_it_is() -> None:
    assert f"<!-- guards -->\n{table()}\n<!-- /guards -->" in (CONFIG.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
