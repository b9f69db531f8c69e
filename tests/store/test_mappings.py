"""By which rules deliveries were booked, since when."""

from __future__ import annotations

import psycopg
import pytest

from hybrid_erp.adapters.store.mappings import PostgresMappings
from tests.stores import Store


def put(store: Store, mapping_version: str) -> bool:
    with store.connect("delivery") as connection:
        versions = {"mapping_version": mapping_version, "rules_version": "2026.1", "configuration": "ab" * 32}
        return PostgresMappings(connection).put_in_force("tryton-apac", **versions, by="tests")


def test_only_a_change_of_what_is_in_force_is_written_down(store: Store) -> None:
    assert [put(store, version) for version in ("2026.1", "2026.1", "2026.2", "2026.1")] == [True, False, True, True]

    rows = store.sql("SELECT mapping_version FROM mapping_in_force ORDER BY since")
    assert [row["mapping_version"] for row in rows] == ["2026.1", "2026.2", "2026.1"]
    assert len(store.sql("SELECT 1 AS one FROM audit WHERE action = 'mapping_in_force'")) == 3


def test_what_was_in_force_is_never_changed(store: Store) -> None:
    put(store, "2026.1")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store.sql("UPDATE mapping_in_force SET mapping_version = '2027.1'")
