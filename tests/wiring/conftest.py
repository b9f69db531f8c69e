"""A store for tests of what the tasks do with it; the ERP behind it is a fake of ours."""

from __future__ import annotations

import pytest

from sandbox.postgres import HOST
from sandbox.store_setup import login_of
from tests.stores import Store


@pytest.fixture
def store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that the product's own Connections lead to."""
    for duty in ("intake", "delivery", "reader", "cutover"):
        monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{duty.upper()}", url_of(store, duty, store.cluster.port))
    return store


def url_of(store: Store, duty: str, port: int) -> str:
    """The Connection of a duty, as a URL."""
    return f"postgres://{login_of(duty)}@{HOST}:{port}/{store.database}"
