"""What is accepted is stored, once, whole, and found again whatever a sender does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.model.errors import (
    DocumentConflictError,
    ForeignSourceError,
    KeyReusedError,
    MalformedEventError,
    RefusedEventError,
    StaleVersionError,
)
from hybrid_erp.model.posting import Posting
from hybrid_erp.ports import Stored
from tests.builders import a_customer, a_journal_entry, a_project, an_invoice
from tests.stores import SETTINGS, Store, wait_until


def refusal_of(store: Store, event: dict[str, Any]) -> RefusedEventError:
    (answer,) = store.intake().accept([event], accepted_by="tests")
    assert answer.verdict is Verdict.REFUSED
    assert answer.refusal is not None
    return answer.refusal


def in_parts(store: Store, part: int, connections: int = 1) -> Intake:
    """Intake that writes so many postings while it checks the next."""
    return Intake(SETTINGS.firm, PostgresIntake(store.pool("intake", connections)), part)


def test_an_accepted_event_is_answered_when_it_is_durable(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())

    # A commit that did not wait for its server would show here.
    with store.pool("intake").connection() as connection:
        assert connection.execute("SELECT current_setting('synchronous_commit')").fetchone() == ("on",)
    assert store.state(posting_id) == "waiting"
    assert store.actions(posting_id) == ["accepted"]


AWKWARD = [
    "NULL",
    "",
    '"',
    "\\",
    '\\"',
    "{}",
    '","',
    "a,b",
    "tab\tline\nreturn\r",
    "Ünïcödé \u4e2d\U0001f600",
    "\\u0000",
    "\x7f",
    " blank ",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_every_text_is_stored_as_it_was_sent(store: Store, text: str) -> None:
    token = "".join(filter(lambda letter: "!" <= letter <= "~", text)) or "x"
    number = f"J{' '.join(text.split())}E"
    events = [a_journal_entry(number=number, description=text, id=token, correlationid=token), a_journal_entry()]

    store.accept(*events)

    rows = store.sql("SELECT event_id, number, correlation_id, traceparent, data FROM posting ORDER BY seq")
    assert [row["data"] for row in rows] == [event["data"] for event in events]
    assert rows[0] | {"data": None} == {"event_id": token, "number": number, "correlation_id": token, "traceparent": None, "data": None}
    assert store.one("SELECT details->>'number' FROM audit WHERE correlation_id = %s", token) == number
    assert store.one("SELECT count(*) FROM document WHERE number = %s", number) == 1


def test_postings_keep_the_order_in_which_they_were_sent(store: Store) -> None:
    posting_ids = store.accept(*(a_journal_entry() for _ in range(40)), a_customer("DE01", "US01"), a_journal_entry())

    assert [row["posting_id"] for row in store.sql("SELECT posting_id FROM posting ORDER BY seq")] == posting_ids
    placed = store.sql("SELECT DISTINCT posting_id, seq FROM outbox ORDER BY seq")
    assert [(row["posting_id"], row["seq"]) for row in placed] == [
        (row["posting_id"], row["seq"]) for row in store.sql("SELECT posting_id, seq FROM posting ORDER BY seq")
    ]


def test_each_region_concerned_reads_of_the_acceptance_in_its_trail(store: Store) -> None:
    (posting_id,) = store.accept(a_customer("DE01", "UK01", "US01", number="C-1") | {"id": "e-1"})

    rows = store.sql("SELECT region, actor, action, posting_id, correlation_id, details FROM audit WHERE posting_id IS NOT NULL ORDER BY 1")
    content_hash = store.one("SELECT encode(content_hash, 'hex') FROM posting_key")
    details = {"type": "hybrid-erp.customer.v1", "number": "C-1", "content_hash": content_hash}
    same = {"actor": "tests", "action": "accepted", "posting_id": posting_id, "correlation_id": "tests/e-1", "details": details}
    assert rows == [{"region": "amer"} | same, {"region": "emea"} | same]


def test_an_event_sent_twice_is_one_posting(store: Store) -> None:
    event = a_journal_entry()
    (posting_id,) = store.accept(event)
    before = store.counts()

    (again,) = store.intake().accept([event], accepted_by="tests")

    assert (again.verdict, again.posting_id) == (Verdict.DUPLICATE, posting_id)
    assert again.regions == ()
    assert store.counts() == before


def test_an_event_sent_twice_in_one_batch_is_one_posting(store: Store) -> None:
    event = a_journal_entry()

    first, second = store.intake().accept([event, event], accepted_by="tests")

    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.DUPLICATE)
    assert first.posting_id == second.posting_id
    assert store.counts()["posting"] == 1


def test_white_space_and_the_order_of_fields_make_no_other_event(store: Store) -> None:
    event = a_journal_entry()
    store.accept(event)

    (again,) = store.intake().accept([event | {"data": dict(reversed(event["data"].items()))}], accepted_by="tests")

    assert again.verdict is Verdict.DUPLICATE


def test_a_key_used_again_for_other_content_is_refused_with_both_hashes(store: Store) -> None:
    event = a_journal_entry(amount="1.00")
    store.accept(event)
    other = a_journal_entry(amount="2.00") | {"id": event["id"]}

    refusal = refusal_of(store, other)

    assert isinstance(refusal, KeyReusedError)
    assert refusal.details["stored_hash"] == store.one("SELECT encode(content_hash, 'hex') FROM posting_key")
    assert refusal.details["sent_hash"] != refusal.details["stored_hash"]


def test_the_same_document_under_another_key_is_the_same_posting(store: Store) -> None:
    event = a_journal_entry()
    (posting_id,) = store.accept(event)

    (again,) = store.intake().accept([event | {"id": "another"}], accepted_by="tests")

    assert (again.verdict, again.posting_id) == (Verdict.DUPLICATE, posting_id)


def test_a_document_version_with_other_content_is_a_conflict_with_both_hashes(store: Store) -> None:
    store.accept(a_journal_entry(number="JE-1", amount="1.00"))

    refusal = refusal_of(store, a_journal_entry(number="JE-1", amount="2.00"))

    assert isinstance(refusal, DocumentConflictError)
    assert refusal.details["stored_hash"] != refusal.details["sent_hash"]


def test_a_version_older_than_one_accepted_is_refused(store: Store) -> None:
    store.accept(a_project("C-1", number="P-1", version=3))

    assert isinstance(refusal_of(store, a_project("C-1", number="P-1", version=2)), StaleVersionError)


def test_a_higher_version_is_a_posting_of_its_own(store: Store) -> None:
    first, second = store.accept(a_project("C-1", number="P-1"), a_project("C-1", number="P-1", version=2))

    assert first != second


def test_an_old_version_never_follows_a_new_one_that_was_sent_at_the_same_time(store: Store) -> None:
    intake = store.intake(2)

    def send(version: int) -> Verdict:
        (answer,) = intake.accept([a_project("C-1", number="P-1", version=version)], accepted_by="tests")
        return answer.verdict

    def waiting() -> int:
        return int(store.one("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", store.database))

    with psycopg.connect(store.cluster.dsn(store.database)) as slow, ThreadPoolExecutor(2) as pool:
        slow.execute("LOCK TABLE posting_key IN SHARE MODE")  # both may look, neither may write
        newer = pool.submit(send, 2)
        wait_until(lambda: waiting() == 1)
        older = pool.submit(send, 1)
        wait_until(lambda: waiting() == 2)
        slow.commit()
        assert (newer.result(), older.result()) == (Verdict.ACCEPTED, Verdict.REFUSED)

    assert [row["version"] for row in store.sql("SELECT version FROM posting")] == [2]


def test_a_document_of_another_source_is_refused(store: Store) -> None:
    store.accept(a_project("C-1", number="P-1"))

    refusal = refusal_of(store, a_project("C-1", number="P-1", version=2) | {"source": "somebody-else"})

    assert isinstance(refusal, ForeignSourceError)
    assert refusal.details["owner"] == "tests"


def test_the_same_number_in_another_legal_entity_is_another_document(store: Store) -> None:
    store.accept(a_journal_entry("DE01", number="JE-1"), a_journal_entry("UK01", number="JE-1"))


def test_a_mixed_batch_stores_the_good_events_whole_and_nothing_of_the_bad_ones(store: Store) -> None:
    store.accept(a_journal_entry(number="JE-1", id="used"))
    before = store.counts()
    good = [a_journal_entry(), a_project("C-1"), an_invoice("C-1")]
    bad = [a_journal_entry(number="JE-1", amount="7.00"), a_journal_entry(id="used", amount="8.00"), a_journal_entry("XX99"), None]

    answers = store.intake().accept([bad[0], good[0], bad[1], good[1], bad[2], good[2], bad[3]], accepted_by="tests")

    accepted = [answer.verdict is Verdict.ACCEPTED for answer in answers]
    assert accepted == [False, True, False, True, False, True, False]
    added = {table: count - before[table] for table, count in store.counts().items()}
    assert added == {"posting_key": 3, "posting": 3, "document": 3, "outbox": 3, "dependency": 2, "audit": 3}


def test_an_event_with_a_nul_does_not_keep_the_others_out(store: Store) -> None:
    nul, good = store.intake().accept([a_journal_entry(description="\x00"), a_journal_entry()], accepted_by="tests")

    assert isinstance(nul.refusal, MalformedEventError)
    assert good.verdict is Verdict.ACCEPTED


def test_what_fails_in_the_middle_leaves_nothing_behind(store: Store) -> None:
    store.sql("ALTER TABLE dependency ADD CONSTRAINT fails CHECK (number <> 'C-2')")

    with pytest.raises(psycopg.errors.CheckViolation):
        store.intake().accept([a_project("C-1"), a_project("C-2")], accepted_by="tests")

    assert set(store.counts().values()) == {0}


@pytest.mark.parametrize(("overlap", "part"), [(1, 250), (25, 250), (25, 4), (25, 1)])
def test_concurrent_batches_with_the_same_keys_yield_one_posting_each(store: Store, overlap: int, part: int) -> None:
    batches, workers = 6, 6
    common = [a_journal_entry() for _ in range(overlap)]
    sent = [[*common, a_journal_entry()] if number % 2 else [a_journal_entry(), *reversed(common)] for number in range(batches)]
    intake, start = in_parts(store, part, workers), threading.Barrier(workers)

    def send(events: list[dict[str, Any]]) -> list[Verdict]:
        start.wait()
        return [answer.verdict for answer in intake.accept(events, accepted_by="tests")]

    with ThreadPoolExecutor(workers) as pool:
        verdicts = [verdict for answers in pool.map(send, sent) for verdict in answers]

    assert verdicts.count(Verdict.ACCEPTED) == overlap + batches
    assert verdicts.count(Verdict.DUPLICATE) == overlap * (batches - 1)
    assert store.counts()["posting"] == overlap + batches
    assert store.counts()["outbox"] == overlap + batches


def test_batches_that_wait_for_each_other_in_a_circle_are_both_answered(store: Store) -> None:
    one, other = a_journal_entry(), a_journal_entry()
    intake = in_parts(store, 1, 2)
    writing = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_xid IS NOT NULL"

    def send(first: dict[str, Any], second: dict[str, Any]) -> list[bool]:
        def both_have_written_one() -> Iterator[dict[str, Any]]:
            yield first
            wait_until(lambda: store.one(writing, store.database) == 2)
            yield second

        parts = ([posting_of(SETTINGS.firm, event)] for event in both_have_written_one())
        return [answer.new for answer in intake.store.accept(parts, accepted_by="tests") if isinstance(answer, Stored)]

    with ThreadPoolExecutor(2) as pool:
        answers = [*pool.map(send, (one, other), (other, one))]

    assert sorted(new for answer in answers for new in answer) == [False, False, True, True]
    assert store.counts()["posting"] == 2


def test_a_key_is_looked_for_in_earlier_parts_of_its_batch_too(store: Store) -> None:
    event, other = a_journal_entry(id="k"), a_journal_entry(id="k")

    answers = in_parts(store, 1).accept(
        [event, a_project("C-1", number="P", version=2), event, other, a_project("C-1", number="P")], accepted_by="tests"
    )

    assert [answer.verdict for answer in answers[:3]] == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert [type(answer.refusal) for answer in answers[3:]] == [KeyReusedError, StaleVersionError]
    assert store.counts()["posting"] == 2


def test_no_part_is_lost_behind_one_that_starts_again(store: Store) -> None:
    events = [a_journal_entry(id="k"), a_journal_entry(id="k"), a_journal_entry()]
    intake = in_parts(store, 1)

    def slowly() -> Iterator[list[Posting]]:
        for event in events:
            yield [posting_of(SETTINGS.firm, event)]
            time.sleep(0.1)  # PostgreSQL has refused the second event by the time that the third comes

    answers = intake.store.accept(slowly(), accepted_by="tests")

    assert [type(answer) for answer in answers] == [Stored, KeyReusedError, Stored]
    assert store.counts()["posting"] == 2


def test_what_fails_in_a_later_part_takes_the_earlier_ones_back(store: Store) -> None:
    store.sql("ALTER TABLE dependency ADD CONSTRAINT fails CHECK (number <> 'C-2')")

    with pytest.raises(psycopg.errors.CheckViolation):
        in_parts(store, 1).accept([a_project("C-1"), a_project("C-2"), a_project("C-3")], accepted_by="tests")

    assert set(store.counts().values()) == {0}


def test_two_contents_under_one_key_at_the_same_time_leave_one(store: Store) -> None:
    intake, start = store.intake(2), threading.Barrier(2)

    def send(event: dict[str, Any]) -> RefusedEventError | None:
        start.wait()
        (answer,) = intake.accept([event], accepted_by="tests")
        return answer.refusal

    with ThreadPoolExecutor(2) as pool:
        refusals = list(pool.map(send, [a_journal_entry(amount="1.00", id="k"), a_journal_entry(amount="2.00", id="k")]))

    assert sorted(type(refusal).__name__ for refusal in refusals) == ["KeyReusedError", "NoneType"]
    assert store.counts()["posting"] == 1


def test_a_reference_document_goes_to_every_erp_that_owns_something_of_its_regions(store: Store) -> None:
    (posting_id,) = store.accept(a_customer("DE01", "US01", "AU01"))

    places = store.sql("SELECT legal_entity, destination FROM outbox WHERE posting_id = %s ORDER BY legal_entity", posting_id)
    assert [tuple(row.values()) for row in places] == [
        ("AU01", "tryton-apac"),
        ("DE01", "ledgersmb-emea"),
        ("US01", "ledgersmb-amer"),
    ]


def test_a_reference_document_goes_to_the_candidate_too(store: Store) -> None:
    store.sql("UPDATE ownership_period SET candidate = 'tryton-emea' WHERE owner = 'ledgersmb-emea'")

    (posting_id,) = store.accept(a_customer("DE01"))

    places = store.sql("SELECT destination FROM outbox WHERE posting_id = %s ORDER BY 1", posting_id)
    assert [row["destination"] for row in places] == ["ledgersmb-emea", "tryton-emea"]
