"""Payloads whose time has passed are erased, and nothing is lost by it: no key, no hash, no figure, no seal."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.adapters.audit_heads import HeadsFolder
from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.payloads import PostgresPayloads
from hybrid_erp.adapters.store.reads import PostgresReader
from hybrid_erp.adapters.store.receipts import PostgresReceipts
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.flow.intake import Verdict
from hybrid_erp.model.claim import SettledDead, SettledInDoubt
from hybrid_erp.model.delivery import FailureClass
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import DocumentConflictError, KeyReusedError, OwnershipConflictError
from hybrid_erp.model.retention import KeptFor, Terms
from hybrid_erp.operations import retention
from hybrid_erp.operations.audit_heads import compare_heads, keep_heads
from hybrid_erp.operations.evidence.keys import new_key, private_key_of
from hybrid_erp.operations.retention import Found, erase_payloads
from hybrid_erp.wiring.cli import main
from hybrid_erp.wiring.retention import erase_what_is_due, terms_of, words_of
from sandbox.store_setup import login_of
from tests.builders import CONFIG, a_customer, a_journal_entry, a_project, an_event
from tests.observed import an_entry
from tests.stores import SETTINGS, Store, wait_until

AMER, CLOUD = "ledgersmb-amer", "tryton-amer"
BOOKED = ["journal_entry"]


def a_rule(document_type: str = "journal_entry", region: str = "amer", days: int = 365, **changes: Any) -> KeptFor:
    return KeptFor(region, document_type, days, "Data protection officer", "three years", **{"is_moving": False, **changes})


def terms(*rules: KeptFor, **changes: Any) -> Terms:
    return Terms(rules or (a_rule(),), **{"closed_through": {"US01": "2026-03", "CA01": "2026-03"}, "booked": BOOKED, **changes})


def erase(store: Store, asked: Terms | None = None, *, dry_run: bool = False) -> Found:
    payloads = PostgresPayloads(store.connect("reader" if dry_run else "retention"))
    return erase_payloads(asked or terms(), payloads, by="retention", dry_run=dry_run)


def ages(store: Store, *posting_ids: UUID, days: int = 400) -> None:
    """As so many days would."""
    for table in ("posting", "posting_key", "outbox", "delivery"):
        store.sql(f"UPDATE {table} SET accepted_on = accepted_on - %s WHERE posting_id = ANY(%s)", days, list(posting_ids))
    back = "make_interval(days => %s) WHERE posting_id = ANY(%s)"
    store.sql(f"UPDATE posting SET accepted_at = accepted_at - {back}", days, list(posting_ids))
    store.sql(f"UPDATE delivery SET settled_at = settled_at - {back}", days, list(posting_ids))


def reconciled(store: Store, *posting_ids: UUID, legal_entity: str = "US01") -> None:
    """As the nightly reconciliation would: the receipt is set beside the ERP's books."""
    entries = [an_entry(str(each), posting_id=each) for each in posting_ids]
    PostgresObservations(store.connect("delivery")).observe(f"receipts of {AMER}", legal_entity, entries)


def posted(store: Store, *events: dict[str, Any], erp: str = AMER, age_days: int = 400) -> list[UUID]:
    """Postings that an ERP has taken long ago, and that a reconciliation has compared."""
    ids = store.accept(*events)
    for claim in store.claim(erp):
        store.settle_posted(claim, f"N-{claim.posting_id}")
    reconciled(store, *ids)
    ages(store, *ids, days=age_days)
    return ids


def payload(store: Store, posting_id: UUID) -> Any:
    return store.one("SELECT data FROM posting WHERE posting_id = %s", posting_id)


def is_erased(store: Store, posting_id: UUID) -> bool:
    return bool(store.one("SELECT erased_at IS NOT NULL FROM posting WHERE posting_id = %s", posting_id))


# What is erased, and what stays


def test_a_payload_whose_time_has_passed_is_erased(store: Store) -> None:
    event = a_journal_entry("US01")
    (posting_id,) = posted(store, event)

    assert erase(store).erased == {"journal_entry": 1}

    assert is_erased(store, posting_id)
    assert payload(store, posting_id) == {}
    assert event["data"]["lines"][0]["debit"] not in str(store.sql("SELECT * FROM posting"))
    assert erase(store) == Found()


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))

    assert erase(store, dry_run=True).erased == {"journal_entry": 1}

    assert not is_erased(store, posting_id)
    assert "payload_erased" not in store.actions(posting_id)


def test_a_key_means_the_same_for_ever(store: Store) -> None:
    event = a_journal_entry("US01")
    (posting_id,) = posted(store, event)
    erase(store)

    other = {**event, "data": {**event["data"], "currency": "CAD", "exchange_rate": "0.7"}}
    again, reused, conflict = store.intake().accept([event, other, {**other, "id": "another"}], accepted_by="tests")

    assert (again.verdict, again.posting_id) == (Verdict.DUPLICATE, posting_id)
    assert isinstance(reused.refusal, KeyReusedError | DocumentConflictError)
    assert isinstance(conflict.refusal, DocumentConflictError)
    assert is_erased(store, posting_id)


def test_it_is_in_the_audit_trail_with_whose_rule_it_was_and_every_seal_still_fits(store: Store, tmp_path: Path) -> None:
    audit, place, key = PostgresAudit(store.connect("delivery")), HeadsFolder(tmp_path), private_key_of(new_key())
    (posting_id,) = posted(store, a_journal_entry("US01"))
    wait_until(lambda: bool(audit.seal()))
    assert keep_heads(audit, place, key).seals

    erase(store)

    (row,) = store.sql("SELECT actor, region, details FROM audit WHERE action = 'payload_erased' AND posting_id = %s", posting_id)
    assert (row["actor"], row["region"]) == ("retention", "amer")
    assert row["details"]["owner"] == "Data protection officer"
    assert row["details"]["days"] == 365
    assert row["details"]["content_hash"] == store.one("SELECT encode(content_hash, 'hex') FROM posting_key")
    wait_until(lambda: bool(audit.seal()))
    assert keep_heads(audit, place, key).seals
    assert compare_heads(audit, place, [key.public_key()]).findings == []


def test_it_is_said_where_the_posting_or_the_document_is_read(store: Store) -> None:
    event = a_journal_entry("US01")
    (posting_id,) = posted(store, event)
    erase(store)

    reader = store.pool("reader")
    view = PostgresReader(reader).posting(posting_id)
    (place,) = PostgresDocuments(reader).places(DocumentType.JOURNAL_ENTRY, event["data"]["number"], legal_entities=["US01"])

    at = store.one("SELECT erased_at FROM posting")
    assert view is not None
    assert view["payload_erased_at"] == place.payload_erased_at == at
    assert view["deliveries"][0]["native_id"] == f"N-{posting_id}"


def test_what_an_erp_said_of_a_cancelled_posting_goes_with_its_payload(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry("US01"))
    store.settlements().settle(store.claim_one(AMER), SettledDead(FailureClass.VALIDATION, "unknown customer Jane Doe"))
    store.sql("UPDATE outbox SET state = 'cancelled'")
    store.sql("UPDATE delivery SET state = 'cancelled', maybe_there = false")
    ages(store, posting_id)

    assert erase(store).erased == {"journal_entry": 1}
    assert store.delivery(posting_id, AMER)["message"] is None


def test_hours_and_rates_of_projects_stay_and_nobody_is_named_in_them(store: Store) -> None:
    customer = a_customer("US01", currency="USD", country="US")
    project = a_project(customer["data"]["number"], "US01", currency="USD")
    entries = [
        an_event(
            "time_entry",
            {"legal_entity": "US01", "project": project["data"]["number"], "worker": "W-1", "worked_on": "2026-03-05", "hours": "7.5"}
            | {"description": "with Jane Doe", "billable": billable},
        )
        for billable in (True, False)
    ]
    for event in (customer, project):
        posted(store, event)
    ids = posted(store, *entries)
    facts = PostgresReconciliationFacts(store.connect("reader"))
    before = facts.unbillable_hours(AMER, "US01"), facts.time_terms(ids)

    assert erase(store, terms(a_rule("time_entry"))).erased == {"time_entry": 2}

    assert (facts.unbillable_hours(AMER, "US01"), facts.time_terms(ids)) == before
    assert before[0]
    assert set(payload(store, ids[1])) == {"project", "hours", "billable"}


def test_a_pair_of_which_one_half_is_erased_is_still_a_pair(store: Store) -> None:
    pair = [
        a_journal_entry(one, number=f"IC-1/{one}", currency="USD", intercompany={"partner": other, "pair": "IC-1"})
        for one, other in (("US01", "CA01"), ("CA01", "US01"))
    ]
    for event, rate in zip(pair, (None, "1.35"), strict=True):
        event["data"] |= {"exchange_rate": rate} if rate else {}
    mine, partners = posted(store, *pair)
    reconciled(store, partners, legal_entity="CA01")
    store.sql("UPDATE posting SET accepted_at = clock_timestamp() - interval '2 days' WHERE posting_id = %s", partners)
    store.sql("UPDATE delivery SET settled_at = clock_timestamp() WHERE posting_id = %s", partners)
    facts = PostgresReconciliationFacts(store.connect("reader"))
    assert facts.half_pairs("US01") == facts.half_pairs("CA01") == []

    assert erase(store).erased == {"journal_entry": 1}

    assert is_erased(store, mine)
    assert not is_erased(store, partners)
    assert facts.half_pairs("US01") == facts.half_pairs("CA01") == []


def test_a_receipt_is_not_made_of_an_erased_payload(store: Store) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))
    erase(store)
    store.sql("DELETE FROM observed_document")

    receipts = PostgresReceipts(store.connect("reader"), ("journal_entry",))
    names = {"beside": f"receipts of {AMER}", "books": f"settled books of {AMER}"}
    now = store.one("SELECT clock_timestamp()")
    assert receipts.lacking(AMER, "US01", **names, settled_before=now, posting_ids=[posting_id], limit=9) == []


# What is kept beyond its time

Change = Callable[[Store, UUID], Any]


KEPT: dict[str, tuple[Change, str]] = {
    "it waits": (lambda store, _: store.sql("UPDATE outbox SET state = 'waiting'"), "it is not settled"),
    "it is claimed": (lambda store, _: store.sql("UPDATE outbox SET state = 'claimed'"), "it is not settled"),
    "it is a dead letter": (lambda store, _: store.sql("UPDATE outbox SET state = 'dead_lettered'"), "it is not settled"),
    "its delivery is in doubt": (lambda store, _: store.sql("UPDATE delivery SET state = 'in_doubt'"), "it is not settled"),
    "an ERP may hold what was given up": (
        lambda store, _: store.sql("UPDATE delivery SET state = 'cancelled', maybe_there = true"),
        "an ERP may hold it all the same",
    ),
    "a copy of it waits": (
        lambda store, _: store.sql(
            "INSERT INTO outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, role) "
            "SELECT posting_id, legal_entity, 'tryton-amer', accepted_on, seq, region, kind, document_type, 'candidate' FROM outbox"
        ),
        "it is not settled",
    ),
    "its region runs on two ERPs": (lambda store, _: store.set_phase("dual_run", region="amer"), "its region is moving"),
    "its region can be rolled back": (lambda store, _: store.set_phase("hypercare", region="amer"), "its region is moving"),
    "its region has a candidate": (
        lambda store, _: store.sql(
            "UPDATE ownership_period SET candidate = 'tryton-amer' WHERE ownership_id IN (SELECT ownership_id FROM ownership "
            "WHERE region = 'amer' AND kind = 'reference')"
        ),
        "its region is moving",
    ),
    "its legal entity is loaded": (
        lambda store, _: store.sql(
            "INSERT INTO dual_run_boundary (legal_entity, candidate, control, settle_position, control_cursor, candidate_cursor, taken_at)"
            " VALUES ('US01', 'tryton-amer', 'ledgersmb-amer', 0, '', '', now())"
        ),
        "its region is moving",
    ),
    "no reconciliation has seen it": (lambda store, _: store.sql("DELETE FROM observed_document"), "no reconciliation has compared it"),
}


@pytest.mark.parametrize("change", KEPT)
def test_what_is_still_needed_is_kept_beyond_its_time(store: Store, change: str) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))
    make, reason = KEPT[change]
    make(store, posting_id)

    found = erase(store)

    assert not is_erased(store, posting_id)
    assert payload(store, posting_id)
    assert found == erase(store, dry_run=True)
    assert dict(found.kept) == {("journal_entry", reason): 1}
    assert not found.erased


def test_what_really_is_in_doubt_is_kept(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry("US01"))
    store.settlements().settle(store.claim_one(AMER), SettledInDoubt("it went silent", 1))
    ages(store, posting_id)

    assert dict(erase(store).kept) == {("journal_entry", "it is not settled"): 1}


@pytest.mark.parametrize("closed", [{}, {"US01": "2026-02"}])
def test_what_is_of_an_open_period_is_kept(store: Store, closed: dict[str, str]) -> None:
    posted(store, a_journal_entry("US01"))

    assert dict(erase(store, terms(closed_through=closed)).kept) == {("journal_entry", "its period is open"): 1}


def test_what_is_of_a_region_that_is_to_move_is_kept(store: Store) -> None:
    posted(store, a_journal_entry("US01"))

    assert dict(erase(store, terms(a_rule(is_moving=True))).kept) == {("journal_entry", "its region is moving"): 1}


def test_time_counts_from_when_it_was_settled_and_of_no_rule_there_is_no_end(store: Store) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))

    assert erase(store, terms(a_rule(days=401))) == Found()
    assert erase(store, terms(a_rule(region="apac"))) == Found()
    assert erase(store, terms(a_rule("invoice"))) == Found()
    store.sql("UPDATE delivery SET settled_at = clock_timestamp() - interval '364 days'")
    assert erase(store) == Found()
    assert not is_erased(store, posting_id)


def test_the_latest_version_of_master_data_is_kept_and_earlier_ones_are_erased(store: Store) -> None:
    first = a_customer("US01", currency="USD", country="US")
    second = {**first, "id": "second", "data": {**first["data"], "name": "Acme Inc.", "version": 2}}
    old, new = posted(store, first)[0], posted(store, second)[0]

    found = erase(store, terms(a_rule("customer")))

    assert (found.erased, dict(found.kept)) == ({"customer": 1}, {("customer", "it is the latest version of master data"): 1})
    assert (is_erased(store, old), is_erased(store, new)) == (True, False)


def test_what_concerns_two_regions_is_kept_until_the_time_of_both_has_passed(store: Store) -> None:
    first = a_customer("US01", "AU01", currency="USD", country="US")
    store.accept(first, {**first, "id": "second", "data": {**first["data"], "version": 2}})
    for erp in (AMER, "tryton-apac"):
        while claims := store.claim(erp):
            for claim in claims:
                store.settle_posted(claim)
    ages(store, *(row["posting_id"] for row in store.sql("SELECT posting_id FROM posting")))

    assert erase(store, terms(a_rule("customer"))) == Found()
    assert erase(store, terms(a_rule("customer"), a_rule("customer", "apac", 500))) == Found()
    assert erase(store, terms(a_rule("customer"), a_rule("customer", "apac", 300))).erased == {"customer": 1}


@pytest.mark.parametrize("change", ["identity = 'another'", "is_recovering = true"])
def test_a_store_that_is_not_believed_or_is_being_recovered_erases_nothing(store: Store, change: str) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))
    store.sql(f"UPDATE store_trust SET {change}")

    with pytest.raises(OwnershipConflictError, match="Nothing more was erased"):
        erase(store)
    assert not is_erased(store, posting_id)


def test_a_region_that_begins_to_move_meanwhile_is_seen(store: Store) -> None:
    (posting_id,) = posted(store, a_journal_entry("US01"))
    mover = store.connect("cutover")
    payloads = PostgresPayloads(store.connect("retention"))
    day = store.one("SELECT accepted_on FROM posting")
    waits = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor() as pool:
        with mover.transaction():
            mover.execute("SELECT pg_advisory_xact_lock(1, ownership_id) FROM ownership WHERE region = 'amer' ORDER BY ownership_id")
            erasing = pool.submit(payloads.erase, terms(), day, limit=9, by="retention")
            wait_until(lambda: bool(store.one(waits)))
            store.set_phase("dual_run", region="amer")
        assert erasing.result() == {}
    assert not is_erased(store, posting_id)


def test_many_are_erased_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    posted(store, *(a_journal_entry("US01") for _ in range(5)))

    assert erase(store).erased == {"journal_entry": 5}


# The configuration, the command and the task


def test_the_configuration_says_how_long_and_regions_with_a_plan_are_moving() -> None:
    rules = {(rule.region, rule.document_type): rule for rule in terms_of(SETTINGS).rules}

    assert rules["amer", "time_entry"].days == 1095
    assert (rules["amer", "time_entry"].is_moving, rules["emea", "time_entry"].is_moving) == (False, True)
    assert terms_of(SETTINGS).closed_through["US01"] == "2025-12"
    assert "journal_entry" in terms_of(SETTINGS).booked


def test_the_command_says_what_would_be_erased_and_what_is_kept_and_why(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYBRID_ERP_STORE_DSN", store.cluster.dsn(store.database, login_of("reader")))
    posted(store, a_customer("US01", currency="USD", country="US"), age_days=4000)

    assert main(["payloads", "--config", str(CONFIG)]) == 0

    assert capsys.readouterr().out == "customer: 1 are kept: it is the latest version of master data.\n"


def test_the_task_erases_nothing_before_dry_run_is_switched_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgres://{login_of('retention')}@127.0.0.1:{store.cluster.port}/{store.database}"
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_RETENTION", url)
    first = a_customer("US01", currency="USD", country="US")
    (old,) = posted(store, first, age_days=4000)
    posted(store, {**first, "id": "second", "data": {**first["data"], "version": 2}}, age_days=4000)
    assert SETTINGS.retention is not None

    assert erase_what_is_due(SETTINGS) == {"customer": 1}
    assert not is_erased(store, old)

    in_earnest = SETTINGS.retention.model_copy(update={"dry_run": False})
    monkeypatch.setitem(SETTINGS.__dict__, "retention", in_earnest)
    assert erase_what_is_due(SETTINGS) == {"customer": 1}
    assert is_erased(store, old)


def test_words_say_whether_it_was_done() -> None:
    found = Found()
    found.erased["time_entry"] = 2

    assert words_of(found, dry_run=True) == ["time_entry: 2 payloads would be erased."]
    assert words_of(found, dry_run=False) == ["time_entry: 2 payloads were erased."]
    assert words_of(Found(), dry_run=False) == ["No payload has had its time."]
