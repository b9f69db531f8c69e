"""With every guard in place no interleaving breaks a promise, and there is always a way on."""

from __future__ import annotations

import pytest

from tests.protocol_model.delivery import actions as delivery
from tests.protocol_model.delivery.scenarios import SMALL, TINY
from tests.protocol_model.explore import Exploration
from tests.protocol_model.runbook import actions as runbook
from tests.protocol_model.runbook.removals import SMALL_RUNBOOK, TINY_RUNBOOK


def holds(found: Exploration) -> None:
    assert found.broken == {}
    assert found.complete


@pytest.mark.parametrize("name", TINY)
def test_no_interleaving_of_a_tiny_delivery_breaks_a_promise(name: str) -> None:
    holds(delivery.search(TINY[name]))


@pytest.mark.exploration
@pytest.mark.parametrize("name", [name for name in SMALL if name not in TINY])
def test_no_interleaving_of_a_small_delivery_breaks_a_promise(name: str) -> None:
    holds(delivery.search(SMALL[name]))


@pytest.mark.parametrize("name", TINY_RUNBOOK)
def test_no_interleaving_of_a_tiny_runbook_breaks_a_promise(name: str) -> None:
    holds(runbook.search(TINY_RUNBOOK[name]))


@pytest.mark.exploration
@pytest.mark.parametrize("name", [name for name in SMALL_RUNBOOK if name not in TINY_RUNBOOK])
def test_no_interleaving_of_a_small_runbook_breaks_a_promise(name: str) -> None:
    holds(runbook.search(SMALL_RUNBOOK[name]))
