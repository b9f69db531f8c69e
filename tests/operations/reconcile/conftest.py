"""A store of its own for each test, and one region in dual run on the real ERPs for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox.site import Site
from tests.operations.reconcile.firm import Firm, a_firm
from tests.operations.reconcile.region import region_in_dual_run
from tests.stores import Store


@pytest.fixture
def firm(store: Store) -> Firm:
    """A legal entity in dual run on two ledgers, empty so far."""
    return a_firm(store)


@pytest.fixture(scope="package")
def dual_site(progress: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A region in dual run, level at first. Tests that leave its books unequal say so in their names and come last."""
    with region_in_dual_run(progress, tmp_path_factory.mktemp("impatient")) as site:
        yield site
