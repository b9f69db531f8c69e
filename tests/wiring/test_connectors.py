"""Which credential does what: the books of a region that moves are read by one that no lock-out takes, and all of ours are known."""

from __future__ import annotations

import pytest

from hybrid_erp.adapters.erps.tryton.books import TrytonBooks
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import WrongSystemError
from hybrid_erp.wiring.connectors import books_reader, connector
from sandbox.pgbouncer import Pooler
from tests.builders import the_settings
from tests.stores import Store
from tests.wiring.conftest import url_of

LOGINS = {"": "facade_control", "_CANDIDATE": "facade_candidate", "_RUN_OFF": "facade_run_off"}


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for legal_entity in ("DE01", "AU01"):
        for suffix, login in LOGINS.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_TRYTON_{legal_entity}{suffix}", f"http://{login}:key@127.0.0.1:9")


def test_a_document_is_ours_whichever_of_our_credentials_made_it_and_whichever_reads() -> None:
    reader = books_reader(the_settings(), "tryton-emea", "DE01")

    assert isinstance(reader, TrytonBooks)
    assert reader.reads_as is Role.CANDIDATE
    assert reader.our_logins == set(LOGINS.values())


def test_nothing_is_sent_to_an_erp_through_a_pooler(store: Store, pooler: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGERSMB_DE01", url_of(store, "delivery", pooler.port))

    with pytest.raises(WrongSystemError, match="leads through a pooler"):
        connector(the_settings(), "ledgersmb-emea", "DE01").identity()


def test_a_region_that_stays_is_read_by_control() -> None:
    reader = books_reader(the_settings(), "tryton-apac", "AU01")

    assert isinstance(reader, TrytonBooks)
    assert reader.reads_as is Role.CONTROL
    assert reader.our_logins == set(LOGINS.values())
