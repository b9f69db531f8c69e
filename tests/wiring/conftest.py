"""A store for tests of what the tasks do with it; the ERP behind it is a fake of ours."""

from __future__ import annotations

import pytest

from sandbox.postgres import HOST
from tests.stores import Store


@pytest.fixture
def store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that the product's own Connections lead to."""
    for duty in ("intake", "delivery", "reader", "cutover"):
        url = f"postgres://hybrid_erp_{duty}_login@{HOST}:{store.cluster.port}/{store.database}"
        monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{duty.upper()}", url)
    return store
