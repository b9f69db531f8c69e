"""The evidence of a cutover, from a store in which one was made: complete, the same twice, and provable without the store."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.adapters.store.evidence import PostgresEvidence
from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.model.claim import SettledPosted
from hybrid_erp.model.cutover import Direction, Mode, Step
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import NoEvidenceError
from hybrid_erp.model.reconciliation import Verdict
from hybrid_erp.operations.evidence.keys import pem_of
from hybrid_erp.operations.evidence.manifest import NAME
from hybrid_erp.operations.evidence.verify import verify
from hybrid_erp.wiring import cli
from hybrid_erp.wiring.evidence import evidence
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry
from tests.results import HOSTILE, TERMS, a_result
from tests.store.cutovers import ENTITIES, EVIDENCE_HASH, Move, dual_run
from tests.stores import CLOUD, LEGACY, Store

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
IN_BASE64 = base64.b64encode(KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


def post_everywhere(store: Store, number: str, *, first: str = LEGACY) -> None:
    """One entry, in its owner and then in the other ERP."""
    store.accept(a_journal_entry())
    for erp, role in ((first, Role.CONTROL), (CLOUD if first == LEGACY else LEGACY, Role.CANDIDATE)):
        for claim in store.claim(erp, role=role):
            store.settlements().settle(claim, SettledPosted("77", "JE-77", number, date(2026, 3, 5)))


def booked(store: Store, erp: str, amount: str) -> None:
    """What the ERP holds of the one posting."""
    store.sql(
        """WITH company AS (INSERT INTO observed_company (erp, legal_entity, functional_currency) VALUES (%s, 'DE01', 'EUR')
                            RETURNING company_id)
           INSERT INTO observed_document (document_id, company_id, native_id, match_key, posting_id, origin, number, posted, accounting_on,
                                          period, currency, line_count, debit, functional_debit, booking_hash, document_hash, read,
                                          baseline)
           SELECT 1, company_id, '77', posting_id, posting_id, 'facade', '', true, '2026-03-05', '2026-03', 'EUR', 2, %s::numeric, 0, 0, 0,
                  true, false FROM company, posting""",
        erp, amount,
    )  # fmt: skip


def reconciled_with_findings(store: Store) -> Any:
    """A reconciliation with something of everything in it."""
    results = PostgresReconciliations(store.connect("delivery"))
    found = results.begin(TERMS | {"legal_entities": list(ENTITIES)})
    for entity in ENTITIES:
        results.write(found, a_result(entity))
    results.finish(found, Verdict(False, ("1 dead_letter",)))
    return found


def seal(store: Store) -> None:
    PostgresAudit(store.connect("delivery")).seal()


def packed(store: Store, move: Move) -> bytes:
    return evidence(store.connect("reader"), move.id, KEY)[1]


def read(content: bytes, name: str) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read(name).decode()
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def columns(rows: list[dict[str, Any]], *chosen: str) -> list[tuple[Any, ...]]:
    """Some columns of a table."""
    return [tuple(row[name] for name in chosen) for row in rows]


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


@pytest.fixture
def moved(region: Store) -> tuple[Store, Move]:
    """Rehearsed steps, a posting before the freeze, and a switch."""
    post_everywhere(region, "RE-7")
    seen = reconciled_with_findings(region)
    seal(region)
    move = Move(region)
    move.cutovers.store_evidence(move.id, {"checks": [{"evidence": {"reconciliation": str(seen)}}]}, "a" * 64)
    step = move.cutovers.begin_step(move.id, Step.FREEZE)
    move.opened()
    move.cutovers.end_step(step, outcome="frozen", found={"epoch": 3})
    seal(region)
    return region, move


def test_a_cutover_that_was_made_is_proven_without_the_store(moved: tuple[Store, Move]) -> None:
    content = packed(*moved)

    verified = verify(content, [KEY.public_key()])

    assert verified.findings == ()
    assert verified.manifest is not None
    assert [entry.name for entry in verified.manifest.entries] == names(content)[:-1]
    assert names(content)[0] == "summary.html"
    assert names(content)[-1] == NAME


def test_the_same_store_gives_the_same_bytes(moved: tuple[Store, Move]) -> None:
    assert packed(*moved) == packed(*moved)


def test_who_asked_for_what_and_who_said_yes_is_told(moved: tuple[Store, Move]) -> None:
    content = packed(*moved)
    request = read(content, "request.json")

    assert (request["requested_by"], request["reason"], request["ticket"], request["mode"]) == ("lena", "it is time", "CHG-1", "live")
    assert (request["old_owner"], request["new_owner"], request["from_period"]) == (LEGACY, CLOUD, "2025-01")
    assert (request["outcome"], request["package"], request["posting_rules"]) == ("switched", "0.1.0", "1")
    assert read(content, "preflight.json")["evidence_hash"] == EVIDENCE_HASH
    assert columns(read(content, "approvals.jsonl"), "role", "legal_entity", "approved_by", "on_this_evidence") == [
        ("migration_lead", "", "lee", True),
        ("controller", "DE01", "carla", True),
        ("controller", "UK01", "carla", True),
    ]


def test_each_step_tells_its_times_and_what_it_found(moved: tuple[Store, Move]) -> None:
    (step,) = read(packed(*moved), "steps.jsonl")

    assert (step["step"], step["outcome"], step["found"]) == ("freeze", "frozen", {"epoch": 3})
    assert float(step["seconds"]) >= 0
    assert step["began_at"] < step["ended_at"]


def test_whose_rights_were_taken_and_what_was_read_back_is_told(moved: tuple[Store, Move]) -> None:
    content = packed(*moved)

    rows = read(content, "lock_outs.jsonl")
    assert {(row["erp"], row["legal_entity"], row["desired"]) for row in rows} == {(LEGACY, entity, "locked") for entity in ENTITIES}
    assert {right["login"] for row in rows for right in row["taken"]} == {"bookkeeper", "control"}
    assert all(row["read_back_at"] and row["quiet_at"] for row in rows)
    changes = [(row["event"], row["legal_entity"], row["rights"]) for row in read(content, "rights_taken.jsonl")]
    assert changes == [(event, entity, 2) for event in ("lock intended", "locked") for entity in ENTITIES]


def test_both_reconciliations_are_there_with_the_question_behind_each_figure(region: Store) -> None:
    seen = reconciled_with_findings(region)
    move = Move(region)
    move.opened()
    named = json.dumps({"checks": [{"evidence": {"reconciliation_id": str(seen)}}]})
    region.sql("UPDATE cutover SET evidence = %s::jsonb WHERE cutover_id = %s", named, move.id)

    content = packed(region, move)

    told = read(content, "reconciliations.json")
    assert (told["verification"], told["seen_by_approvers"]) == (str(move.now.reconciliation_id), str(seen))
    assert told["seen_by_approvers_because"] == "the evidence that they answered on names it"
    assert {row["class"] for row in read(content, "reconciliation/seen_by_approvers/differences.jsonl")} == {"dead_letter", "rounding"}
    figure = read(content, "reconciliation/seen_by_approvers/evidence.jsonl")[0]
    assert (figure["query"], figure["parameters"], figure["row_count"], figure["control_total"]) == (
        "SELECT sum(amount)", {"cursor": "768"}, 3, "debit 1",
    )  # fmt: skip
    assert [row["passed"] for row in read(content, "reconciliation/verification/entities.jsonl")] == [True, True]


def test_where_the_evidence_names_no_reconciliation_the_last_before_the_answers_is_told_as_such(region: Store) -> None:
    seen = reconciled_with_findings(region)
    told = read(packed(region, Move(region).opened()), "reconciliations.json")

    assert told["seen_by_approvers"] == str(seen)
    assert "names none" in told["seen_by_approvers_because"]


def test_documents_are_counted_and_summed_up_to_the_freeze_and_up_to_the_end(moved: tuple[Store, Move]) -> None:
    store, move = moved
    booked(store, CLOUD, "1234.50")
    store.sql("UPDATE delivery SET settled_at = (SELECT ended_at FROM cutover WHERE cutover_id = %s) WHERE erp = %s", move.id, CLOUD)

    rows = read(packed(store, move), "documents.jsonl")

    assert {row["document_type"] for row in rows} == {"journal_entry"}
    assert columns(rows, "payloads_erased") == [(0,), (0,)]
    assert columns(rows, "erp", "role", "currency", "documents_before", "amount_before", "documents_after", "amount_after") == [
        (LEGACY, "control", None, 1, "0", 1, "0"),
        (CLOUD, "candidate", "EUR", 0, "0", 1, "1234.50"),
    ]


def test_what_was_delivered_after_the_end_is_not_counted(moved: tuple[Store, Move]) -> None:
    store, move = moved
    before = packed(store, move)

    post_everywhere(store, "RE-9", first=CLOUD)

    assert read(packed(store, move), "documents.jsonl") == read(before, "documents.jsonl")
    assert read(packed(store, move), "number_series.jsonl") == read(before, "number_series.jsonl")


def test_it_is_told_of_how_many_documents_the_payload_was_erased(moved: tuple[Store, Move]) -> None:
    store, move = moved
    store.sql("UPDATE posting SET data = '{}', erased_at = clock_timestamp() WHERE document_type = 'journal_entry'")

    told = packed(store, move)

    assert [row["payloads_erased"] == row["documents_after"] for row in read(told, "documents.jsonl")] == [True, True]


def test_number_series_are_told_for_each_erp_and_legal_entity(moved: tuple[Store, Move]) -> None:
    rows = read(packed(*moved), "number_series.jsonl")

    assert {(row["told_by"], row["erp"], row["series"], row["first"], row["last"]) for row in rows} == {
        ("the store", LEGACY, "RE-#", "RE-7", "RE-7"),
        ("the store", CLOUD, "RE-#", "RE-7", "RE-7"),
    }


def test_ownership_is_told_before_and_after(moved: tuple[Store, Move]) -> None:
    store, move = moved
    rows = read(packed(store, move), "ownership.jsonl")

    assert {(row["owner_before"], row["owner_after"], row["phase_before"], row["phase_after"]) for row in rows} == {
        (LEGACY, CLOUD, "dual_run", "hypercare")
    }
    assert all(row["epoch_before"] < row["epoch_after"] for row in rows)
    assert {row["kind"] for row in rows} == {kind.value for kind in move.now.kinds}


def test_a_rehearsal_leaves_the_owner_as_it_was(region: Store) -> None:
    move = Move(region, mode=Mode.REHEARSAL)
    move.verified()
    assert move.cutovers.begin_release(move.id, reason="rehearsed") == "releasing"
    for each in move.cutovers.lock_outs(cutover_id=move.id):
        move.cutovers.note_read_back(each.erp, each.legal_entity, each.generation, as_desired=True, quiet=False, read_back={})
    assert move.cutovers.finish_release(move.id) == "rehearsed"

    content = packed(region, move)

    assert {(row["owner_before"], row["owner_after"]) for row in read(content, "ownership.jsonl")} == {(LEGACY, LEGACY)}
    assert ">Rehearsed<" in page(content)


def test_a_request_that_was_refused_and_one_that_is_under_way_have_evidence_too(region: Store) -> None:
    move = Move(region)
    under_way = packed(region, move)
    move.cutovers.begin_release(move.id, reason="preflight failed")
    refused = packed(region, move)

    assert ">Not ended<" in page(under_way)
    assert ">Refused<" in page(refused)
    assert verify(under_way, [KEY.public_key()]).findings == verify(refused, [KEY.public_key()]).findings == ()
    assert read(refused, "reconciliations.json")["verification"] is None


def test_a_rollback_has_evidence_of_its_own(moved: tuple[Store, Move]) -> None:
    store, _ = moved
    back = Move(store, direction=Direction.ROLLBACK).opened()
    name, content = evidence(store.connect("reader"), back.id, KEY)

    assert name == f"emea-rollback-{back.id}.zip"
    assert ">Moved back<" in page(content)
    assert {(row["owner_before"], row["owner_after"]) for row in read(content, "ownership.jsonl")} == {(CLOUD, LEGACY)}


def test_the_audit_rows_come_with_the_seals_that_cover_them(moved: tuple[Store, Move]) -> None:
    content = packed(*moved)
    rows, seals = read(content, "audit/rows.jsonl"), read(content, "audit/seals.jsonl")

    assert {"cutover_requested", "cutover_approved", "frozen", "lock_out_intended", "switched", "opened"} <= {row["action"] for row in rows}
    assert {row["region"] for row in rows} == {"emea"}
    assert [seal["seal_no"] for seal in seals] == [2]  # what the first covers was before the request
    assert read(content, "audit/coverage.json")["rows_not_sealed"] == 0


def test_rows_that_are_not_sealed_yet_are_told_as_such(region: Store) -> None:
    content = packed(region, Move(region).opened())

    coverage = read(content, "audit/coverage.json")
    assert coverage["rows_not_sealed"] == coverage["rows"] > 0
    assert "not sealed yet" in page(content)
    assert verify(content, [KEY.public_key()]).findings == ()


def test_a_trail_that_was_changed_in_the_store_is_found_by_whoever_verifies(moved: tuple[Store, Move]) -> None:
    store, move = moved
    store.sql("ALTER TABLE audit DISABLE TRIGGER ALL")
    store.sql("UPDATE audit SET actor = 'mallory' WHERE action = 'cutover_approved'")

    (told,) = verify(packed(store, move), [KEY.public_key()]).findings

    assert told.startswith("region emea, seal 2: ")


def page(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("summary.html").decode()


class Closed(HTMLParser):
    """Complains of what is not closed; keeps text and what leads elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.led: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.led += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1:] != ["style"]:
            self.text.append(data.strip())


def test_the_summary_tells_the_verdict_first_and_escapes_what_people_and_erps_wrote(moved: tuple[Store, Move]) -> None:
    store, move = moved
    store.sql("UPDATE cutover SET reason = %s WHERE cutover_id = %s", HOSTILE, move.id)
    html = page(packed(store, move))
    parsed = Closed()
    parsed.feed(html)

    assert parsed.open == []
    assert parsed.led == []
    assert parsed.text[1:3] == ["EMEA, cutover:", "Moved"]
    assert HOSTILE not in html
    assert HOSTILE in " ".join(parsed.text)
    assert '<td class="n">+1,234,567.89</td>' in html
    assert '<td class="n">\N{MINUS SIGN}1,234,567.89</td>' in html


def test_a_cutover_that_there_is_not_is_named(store: Store) -> None:
    with pytest.raises(NoEvidenceError, match="There is no cutover"):
        evidence(store.connect("reader"), uuid4(), KEY)


def test_the_reader_alone_may_read_it_all(moved: tuple[Store, Move]) -> None:
    store, move = moved

    assert PostgresEvidence(store.connect("reader")).facts(move.id)


Command = Callable[..., int]


@pytest.fixture
def command(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line on this store, with the key in its Connection."""
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_EVIDENCE_KEY", json.dumps({"conn_type": "generic", "password": IN_BASE64}))
    monkeypatch.setenv("HYBRID_ERP_STORE_DSN", store.cluster.dsn(store.database, login_of("reader")))
    monkeypatch.chdir(tmp_path)
    Path("key.pem").write_text(pem_of(KEY.public_key()))
    return lambda *arguments: cli.main([str(each) for each in arguments])


def test_one_command_writes_it_and_one_verifies_it(moved: tuple[Store, Move], command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    _, move = moved
    name = f"emea-cutover-{move.id}.zip"

    assert command("evidence", "--cutover", move.id, "--out", ".") == 0
    assert command("evidence-verify", name, "--public-key", "key.pem") == 0
    assert "PROVEN: every byte is as it was signed" in capsys.readouterr().out

    Path(name).write_bytes(Path(name).read_bytes() + b"\n")
    assert command("evidence-verify", name, "--public-key", "key.pem") == 1
    assert "NOT PROVEN" in capsys.readouterr().out


def test_a_public_key_that_is_none_is_refused(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("e.zip").write_bytes(b"")
    Path("broken.pem").write_bytes(b"\xff\xfe")

    assert command("evidence-verify", "e.zip", "--public-key", "broken.pem") == 2
    assert "[evidence-key]" in capsys.readouterr().err


def test_the_public_key_is_told_and_the_private_key_never(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evidence-key") == 0
    told = capsys.readouterr().out

    assert pem_of(KEY.public_key()) in told
    assert IN_BASE64 not in told


def test_a_cutover_that_there_is_not_is_refused(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evidence", "--cutover", uuid4(), "--out", "e.zip") == 2
    assert "There is no cutover" in capsys.readouterr().err


def test_a_key_that_is_none_is_refused_without_a_word_of_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_EVIDENCE_KEY", json.dumps({"conn_type": "generic", "password": "x" + IN_BASE64}))
    assert command("evidence-key") == 2
    told = capsys.readouterr().err
    assert "[evidence-key]" in told
    assert IN_BASE64 not in told

    monkeypatch.delenv("AIRFLOW_CONN_HYBRID_ERP_EVIDENCE_KEY")
    assert command("evidence-key") == 2
    assert "There is no Airflow Connection hybrid_erp_evidence_key" in capsys.readouterr().err
