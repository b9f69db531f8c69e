"""`hybrid-erp store` asks the store and the real ERPs, and resumes only what no ERP contradicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.operations.evidence.keys import new_key
from hybrid_erp.wiring.audit_heads import keep_heads_outside
from hybrid_erp.wiring.cli import main
from sandbox.site import Site
from tests.builders import CONFIG, a_journal_entry
from tests.stores import CLOUD, Store, wait_until

SAID = ["--by", "petra", "--reason", "restored"]


@pytest.fixture
def suspended(site: Site, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that somebody has suspended, before the real ERPs."""
    monkeypatch.setenv("HYBRID_ERP_CONFIG", str(CONFIG))
    for name, content in site.connections().items():
        if not name.startswith("hybrid_erp_"):  # the store is another one
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content, default=str))
    store.accept(a_journal_entry(id="the-last-one"))
    assert main(["store", "suspend", *SAID]) == 0
    return store


def test_it_says_what_a_person_needs_to_know(suspended: Store, capsys: pytest.CaptureFixture[str]) -> None:
    suspended.sql("UPDATE ownership SET epoch = 1000000")

    assert main(["store", "show"]) == 1

    told = capsys.readouterr().out
    for wanted in ("suspended by petra", "tests: the last event is the-last-one", "1 postings", "DE01 at ledgersmb-emea has seen lock-out",
                   "UK01 at tryton-emea has seen lock-out", "Nothing is claimed"):  # fmt: skip
        assert wanted in told


def test_a_person_resumes_and_closes_the_recovery(suspended: Store, capsys: pytest.CaptureFixture[str]) -> None:
    suspended.sql("UPDATE ownership SET epoch = 1000000")

    assert main(["store", "resume", *SAID]) == 0
    assert main(["store"]) == 1
    assert "It is being recovered" in capsys.readouterr().out
    assert main(["store", "recovered", *SAID]) == 0
    assert main(["store"]) == 0

    (row,) = suspended.sql("SELECT facts FROM store_trust_history WHERE action = 'resumed'")
    assert row["facts"]["last events"] == {"tests": "the-last-one"}


def test_an_erp_that_remembers_a_move_that_the_store_has_forgotten_stops_the_resumption(
    suspended: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    suspended.sql("UPDATE ownership SET epoch = -1")

    assert main(["store", "resume", *SAID]) == 2

    assert "a move of emea is forgotten" in capsys.readouterr().err
    assert main(["store"]) == 1


def test_what_was_kept_outside_stops_the_resumption_of_a_store_that_names_another_owner(
    suspended: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suspended.sql("UPDATE ownership SET epoch = 1000000")
    suspended.sql("UPDATE store_trust SET identity = store_identity()")
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_EVIDENCE_KEY", json.dumps({"conn_type": "generic", "password": new_key()}))
    place = {"conn_type": "fs", "extra": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_AUDIT_HEADS", json.dumps(place))
    terms = {"bridge_account": "2900", "by": "petra", "reason": "runs off"}
    suspended.ownership().move_pin(region="emea", routing_key="project:P-1", erp=CLOUD, **terms)
    wait_until(lambda: bool(PostgresAudit(suspended.connect("delivery")).seal()))
    assert keep_heads_outside()["files"] == 1
    suspended.sql("SET session_replication_role = replica; DELETE FROM pin; DELETE FROM ownership_history WHERE after ? 'pin'")
    assert main(["store", "suspend", *SAID]) == 0

    assert main(["store", "resume", *SAID]) == 2

    assert f"the pin of project:P-1 of region emea was {CLOUD} at " in capsys.readouterr().err


def test_an_act_needs_a_name_and_a_reason(suspended: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "resume", "--by", "petra"]) == 2
    assert "--reason must be given" in capsys.readouterr().err
