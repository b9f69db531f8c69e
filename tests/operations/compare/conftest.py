"""Two mirrors of 200,000 lines each on a real PostgreSQL, equal until a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.model.books import Entry
from hybrid_erp.model.comparison import DocumentDifference, UnequalCell
from hybrid_erp.operations.compare import differences
from tests.observed import Books
from tests.operations.compare.mutations import Told
from tests.stores import CLOUD, LEGACY, Store, fresh_store, running_cluster

ENTITY, SISTER = "DE01", "UK01"
SEED, DOCUMENTS = 20_260_305, 50_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a server, so `make check` leaves them to `make test`."""
    for item in items:
        if "firm" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)


@dataclass
class Firm:
    """Both ERPs' mirrors, and the documents that each told at first."""

    store: Store
    legacy: Sequence[Entry]
    cloud: Sequence[Entry]
    mirror: PostgresObservations = field(init=False)
    comparison: PostgresComparison = field(init=False)
    at_first: dict[str, dict[str, Entry]] = field(init=False)

    def __post_init__(self) -> None:
        self.at_first = {
            erp: {entry.native_id: entry for entry in entries} for erp, entries in ((LEGACY, self.legacy), (CLOUD, self.cloud))
        }
        self.mirror = PostgresObservations(self.store.connect("delivery"))
        self.comparison = PostgresComparison(self.store.connect("reader"))

    def tell(self, told: Told, legal_entity: str = ENTITY) -> None:
        """Observe what both ERPs tell."""
        self.mirror.observe(LEGACY, legal_entity, told.legacy, deleted=told.gone_in_legacy)
        self.mirror.observe(CLOUD, legal_entity, told.cloud, deleted=told.gone_in_cloud)

    @contextmanager
    def told(self, told: Told) -> Iterator[tuple[Sequence[UnequalCell], list[DocumentDifference]]]:
        """What differs while this is so; afterwards everything is equal again."""
        self.tell(told)
        try:
            yield self.compare()
        finally:
            self.undo(told)
        assert self.compare() == ([], [])

    def undo(self, told: Told) -> None:
        """Bring back what was told at first."""
        for erp, told_by, gone in ((LEGACY, told.legacy, told.gone_in_legacy), (CLOUD, told.cloud, told.gone_in_cloud)):
            at_first, touched = self.at_first[erp], [*(entry.native_id for entry in told_by), *gone]
            self.mirror.observe(erp, ENTITY, [at_first[each] for each in touched if each in at_first])
            self.mirror.forget(erp, ENTITY, [each for each in touched if each not in at_first])

    def compare(self, *legal_entities: str) -> tuple[Sequence[UnequalCell], list[DocumentDifference]]:
        """Cells and documents that differ, of one instant."""
        entities = legal_entities or (ENTITY,)
        with self.comparison.at_one_instant():
            cells = self.comparison.unequal_cells(LEGACY, CLOUD, entities)
            return cells, list(differences(self.comparison, LEGACY, CLOUD, entities))


@pytest.fixture(scope="module")
def firm() -> Iterator[Firm]:
    with running_cluster("compare") as cluster, fresh_store(cluster) as store:
        legacy, cloud = (list(Books(SEED, DOCUMENTS, name).entries()) for name in ("a", "b"))
        firm = Firm(store, legacy, cloud)
        firm.tell(Told(cloud=cloud, legacy=legacy))
        store.sql("ANALYZE")
        yield firm
        assert [firm.comparison.drift(erp, ENTITY) for erp in (LEGACY, CLOUD)] == [0, 0]
