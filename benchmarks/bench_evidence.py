"""Evidence of a cutover: how long it takes to write and to verify, and whether any change of it goes unseen.

A region with 20,000 documents in each ERP, 1,000 differences in each of two reconciliations, and all audit rows under the one seal that
the cutover falls into, so that all of them belong to the evidence. The baseline dumps the same rows, which it has in memory, as JSON into a
zip: no reading, no page, no hash, no signature. Expect at most 6: most of ours is PostgreSQL's answer and the JSON that both write.
"""

from __future__ import annotations

import io
import json
import random
import statistics
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.report import Figure, Report, interleaved, timed
from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.adapters.store.evidence import PostgresEvidence
from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.model.cutover import Step
from hybrid_erp.operations.establish import establish_ownership
from hybrid_erp.operations.evidence.parts import evidence_of
from hybrid_erp.operations.evidence.verify import verify
from hybrid_erp.settings import load_settings
from hybrid_erp.web.evidence import as_html
from hybrid_erp.wiring.evidence import evidence
from sandbox.postgres import Cluster
from sandbox.store_setup import login_of, make_logins
from tests.builders import CONFIG
from tests.store.cutovers import Move, dual_run
from tests.stores import CLOUD, LEGACY, Store

DOCUMENTS, DIFFERENCES, AUDIT_EACH, ROUNDS = 20_000, 1_000, 4, 3
CHANGES, CHANGES_OF_ALL = 10_000, 25
#: Rows of each table in the evidence that is changed ten thousand times; changing that of all documents would take an hour.
ROWS_KEPT = 20
DATABASE = "bench_evidence"

POSTINGS: Final = """
    INSERT INTO posting (accepted_on, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version,
                         correlation_id, accepted_at, accepted_by)
    SELECT '2026-03-01', ('0197a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n, 'bench', n::text, 'hybrid-erp.invoice.v1',
           (ARRAY['invoice', 'payment', 'journal_entry', 'time_entry'])[n %% 4 + 1], 'DE01', n::text, 1, n::text, now(), 'bench'
    FROM generate_series(1, %(documents)s) AS n
"""
DELIVERIES: Final = """
    INSERT INTO delivery (accepted_on, posting_id, legal_entity, erp, role, seq, state, maybe_there, mark_before, attempt, native_id,
                          legal_number, settle_position, settled_at)
    SELECT accepted_on, posting_id, CASE WHEN seq %% 2 = 0 THEN 'DE01' ELSE 'UK01' END, erp, role, seq, 'posted', true, false, 1, seq::text,
           CASE WHEN document_type = 'invoice' THEN 'RE-' || lpad(seq::text, 6, '0') END, nextval('settle_position_seq'), clock_timestamp()
    FROM posting, (VALUES (%(legacy)s, 'control'), (%(cloud)s, 'candidate')) AS at (erp, role)
"""
COMPANIES: Final = """
    INSERT INTO observed_company (erp, legal_entity, functional_currency)
    SELECT erp, entity, 'EUR' FROM unnest(%(erps)s::text[]) AS erp, unnest(ARRAY['DE01', 'UK01']) AS entity
"""
OBSERVED: Final = """
    INSERT INTO observed_document (document_id, company_id, native_id, match_key, posting_id, origin, number, legal_number, posted,
                                   accounting_on, period, currency, line_count, debit, functional_debit, booking_hash, document_hash, read,
                                   baseline)
    SELECT row_number() OVER (), k.company_id, d.native_id, d.posting_id, d.posting_id, 'facade', d.seq::text, d.legal_number, true,
           '2026-03-05', '2026-03', (ARRAY['EUR', 'USD', 'GBP'])[d.seq %% 3 + 1], 4, d.seq * 1.19, d.seq * 1.19, 0, 0, true, false
    FROM delivery d JOIN observed_company k USING (erp, legal_entity)
"""
AUDIT: Final = """
    INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, correlation_id, details)
    SELECT 'emea', 'worker:bench:1', (ARRAY['accepted', 'claimed', 'posted', 'posted'])[step], posting_id, 'DE01', %(legacy)s, seq::text,
           jsonb_build_object('role', 'control', 'native_id', seq::text, 'native_number', 'JE-' || seq, 'legal_number', NULL,
                              'accounting_on', '2026-03-05', 'content_hash', repeat('ab', 32))
    FROM posting, generate_series(1, %(each)s) AS step
"""
BALANCES: Final = """
    INSERT INTO reconciliation_balance
    SELECT %(reconciliation)s, entity, '2026-' || lpad(month::text, 2, '0'), account::text, 'EUR', account * month + 0.05, account * month,
           ARRAY[account::text], ARRAY['1.' || account]
    FROM unnest(ARRAY['DE01', 'UK01']) AS entity, generate_series(1, 12) AS month, generate_series(1000, 1199) AS account
"""
DIFFERENCE: Final = """
    INSERT INTO reconciliation_difference
    SELECT %(reconciliation)s, 'DE01', n, 'rounding', 'amount', 0.05, 0, 'posted 100.05 by hand', 'posted 100.00', NULL, 'gl,' || n,
           'account.move,' || n, n::text, 'journal_entry', 'the ERPs round each line by itself', '', false
    FROM generate_series(1, %(differences)s) AS n
"""
AMOUNTS: Final = """
    INSERT INTO reconciliation_amount
    SELECT %(reconciliation)s, 'DE01', n, '2026-03', account, 'EUR', CASE account WHEN '1000' THEN 0.05 ELSE -0.05 END
    FROM generate_series(1, %(differences)s) AS n, unnest(ARRAY['1000', '5200']) AS account
"""
FIGURES: Final = """
    INSERT INTO reconciliation_evidence
    SELECT %(reconciliation)s, entity, place, %(legacy)s, CASE place WHEN 1 THEN 'number series' ELSE 'trial balance' END, %(legacy)s,
           'SELECT sum(amount) FROM acc_trans', '{"cursor": "768"}', 4711, 'debit 1, credit 1 EUR', now()
    FROM unnest(ARRAY['DE01', 'UK01']) AS entity, generate_series(1, 10) AS place
"""


def run(cluster: Cluster, report: Report) -> None:
    """`evidence_pack_s`, `evidence_verify_s` and `evidence_changes_detected`."""
    cluster.create_database(DATABASE)
    migrate(cluster.dsn(DATABASE))
    make_logins(cluster)
    try:
        with ExitStack() as stack:
            store = Store(cluster, DATABASE, stack)
            with psycopg.connect(cluster.dsn(DATABASE, login_of("cutover")), autocommit=True) as connection:
                establish_ownership(load_settings(CONFIG).regions.values(), PostgresOwnership(connection), by="bench")
            _measure(store, _a_cutover(store), report)
    finally:
        with cluster.admin() as connection:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())


def _a_cutover(store: Store) -> UUID:
    """A region with its documents, moved while all of their audit rows wait for the same seal."""
    terms = {"documents": DOCUMENTS, "each": AUDIT_EACH, "legacy": LEGACY, "cloud": CLOUD, "erps": [LEGACY, CLOUD]}
    for statement in (POSTINGS, DELIVERIES, COMPANIES, OBSERVED, AUDIT):
        _write(store, statement, terms)
    dual_run(store)
    seen = Move(store).reconciled()  # the request stays open no longer than its reconciliation
    _end(store)
    move = Move(store)
    for step in Step:
        move.cutovers.end_step(move.cutovers.begin_step(move.id, step), outcome="done", found={})
    move.opened()
    for reconciliation in (seen, move.now.reconciliation_id):
        for statement in (BALANCES, DIFFERENCE, AMOUNTS, FIGURES):
            _write(store, statement, terms | {"reconciliation": reconciliation, "differences": DIFFERENCES})
    PostgresAudit(store.connect("delivery")).seal()
    _write(store, "VACUUM ANALYZE", {})
    return move.id


def _write(store: Store, statement: str, terms: Mapping[str, Any]) -> None:
    with psycopg.connect(store.cluster.dsn(store.database), autocommit=True) as connection:
        connection.execute(statement.encode(), terms or None)


def _end(store: Store) -> None:
    _write(store, "UPDATE cutover SET ended_at = clock_timestamp(), outcome = 'refused' WHERE ended_at IS NULL", {})


def _measure(store: Store, cutover_id: UUID, report: Report) -> None:
    key, reader = Ed25519PrivateKey.generate(), store.connect("reader")
    facts = PostgresEvidence(reader).facts(cutover_id)
    assert facts is not None
    rows = sum(len(fact) for fact in facts.values() if isinstance(fact, list))
    seconds, baseline, ratio = interleaved([partial(evidence, reader, cutover_id, key)] * ROUNDS, [partial(_bare, facts)] * ROUNDS)
    _, content = evidence(reader, cutover_id, key)
    size = f"{DOCUMENTS:,} documents in each ERP, {rows:,} rows, {len(content) / 1e6:.1f} MB"
    note = f"{size}; baseline: the same rows from memory, JSON in a zip"
    report.add(Figure("evidence_pack_s", seconds, None, None, "s", rows, limit=10.0, note=note))
    report.add(Figure("evidence_pack_s.vs_bare_zip", seconds, baseline, ratio, "s", rows, limit=6.0, note=note))
    verifying = statistics.median(timed(lambda: _verified(content, key)) for _ in range(ROUNDS))
    report.add(Figure("evidence_verify_s", verifying, None, None, "s", rows))
    small = {name: fact[:ROWS_KEPT] if isinstance(fact, list) and not name.startswith("audit") else fact for name, fact in facts.items()}
    small |= {"audit/rows": [], "audit/seals": []}
    _, shorter = evidence_of(small, as_html(small), "bench", key)
    detected = _detected(shorter, key, CHANGES) + _detected(content, key, CHANGES_OF_ALL)
    note = f"{CHANGES:,} random one-byte changes of {len(shorter):,} bytes, {CHANGES_OF_ALL} of {len(content):,} bytes"
    share = detected / (CHANGES + CHANGES_OF_ALL)
    report.add(
        Figure("evidence_changes_detected", share, None, None, "share", CHANGES + CHANGES_OF_ALL, 1.0, higher_is_better=True, note=note)
    )


def _bare(facts: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, fact in facts.items():
            archive.writestr(f"{name}.json", json.dumps(fact, default=str))
    return file.getvalue()


def _verified(content: bytes, key: Ed25519PrivateKey) -> None:
    findings = verify(content, [key.public_key()]).findings
    assert findings == (), findings


def _detected(content: bytes, key: Ed25519PrivateKey, changes: int) -> int:
    chance, found = random.Random(len(content)), 0
    for _ in range(changes):
        changed = bytearray(content)
        place = chance.randrange(len(changed))
        changed[place] = (changed[place] + chance.randrange(1, 256)) % 256
        found += bool(verify(bytes(changed), [key.public_key()]).findings)
    return found
