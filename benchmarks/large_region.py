"""A region with many documents in both ERPs, equal to the cent: delivered to LedgerSMB, copied into Tryton's tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from benchmarks.bench_delivery import a_worker
from benchmarks.large_tryton import LargeTryton
from hybrid_erp.adapters.store.crosswalk import PostgresCrosswalk
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.operations.adopt import adopt_master_data
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader, connector
from sandbox.firm import Firm
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry, an_invoice

REGION, LEGACY, CLOUD = "emea", "ledgersmb-emea", "tryton-emea"
BATCH: Final = 1_000
FIRST_DAY, DAYS = date(2026, 1, 1), 320
INVOICES_IN: Final = 10
"""One document of so many is an invoice that stays open."""
KINDS: Final = ("project", "billing", "ledger")
SETTLE: Final = """
    WITH made AS (SELECT * FROM unnest(%(posting_ids)s::uuid[], %(native_ids)s::text[]) AS made (posting_id, native_id)),
         copied AS (UPDATE outbox SET state = 'posted' FROM made WHERE outbox.posting_id = made.posting_id AND role = 'candidate'
                    AND destination = %(erp)s RETURNING outbox.posting_id)
    INSERT INTO delivery (accepted_on, posting_id, legal_entity, erp, role, seq, state, maybe_there, mark_before, attempt, native_id,
                          legal_number, accounting_on, settle_position, settled_at)
    SELECT accepted_on, posting_id, legal_entity, %(erp)s, 'candidate', seq, 'posted', false, false, 1, made.native_id,
           legal_number, accounting_on, nextval('settle_position_seq'), clock_timestamp()
    FROM delivery JOIN copied USING (posting_id) JOIN made USING (posting_id) WHERE role = 'control'
"""


class LargeRegion:
    """EMEA in dual run; LedgerSMB holds what the product delivered, Tryton the same in bulk."""

    def __init__(self, site: Site, database: str, legal_entities: Sequence[str]) -> None:
        self.site, self.database, self.legal_entities, self.settings = site, database, legal_entities, settings()
        self.tryton = {each: LargeTryton(site, CLOUD, each) for each in legal_entities}
        self.held = 0
        self.cursors: dict[str, str] = {}
        self.customers = {each: [customer.number for customer in Firm().master_data(each).customers] for each in legal_entities}

    def start(self) -> None:
        """Begin the dual run; the load brought nothing."""
        with psycopg.connect(self.dsn("cutover"), autocommit=True) as connection:
            dual_run = PostgresDualRun(connection)
            for entity in self.legal_entities:
                cursors = {erp: self._cursor(erp, entity) for erp in (LEGACY, CLOUD)}
                self.cursors[entity] = cursors[LEGACY]
                dual_run.draw_boundary(Boundary(entity, LEGACY, CLOUD, 0, cursors[LEGACY], cursors[CLOUD], datetime.now(UTC)), [])
            dual_run.start(REGION, KINDS, self.legal_entities, CLOUD, by="bench", reason="bench")
            dual_run.raise_share(REGION, KINDS, 10_000, by="bench", reason="bench")
        with psycopg.connect(self.dsn("delivery"), autocommit=True) as connection:
            crosswalk = PostgresCrosswalk(connection, "bench", self.settings.region_of)
            for erp in (LEGACY, CLOUD):
                for entity in self.legal_entities:
                    with closing(connector(self.settings, erp, entity)) as company:
                        adopt_master_data(erp, entity, company, crosswalk)

    def hold(self, documents: int) -> None:
        """Go on until both ERPs hold so many documents of each legal entity."""
        for entity in self.legal_entities:
            connect = partial(connector, self.settings, LEGACY, entity)
            with a_worker(self.site, self.database, LEGACY, entity, connect) as (intake, worker):
                for start in range(self.held, documents, BATCH):
                    events = [self._event(entity, number) for number in range(start, min(start + BATCH, documents))]
                    intake.accept(events, accepted_by="bench")
                    progress = worker.run(seconds=600)
                    assert progress.settled == {"posted": len(events)}, progress
            self._copy(entity)
        self.held = documents

    def dsn(self, duty: str) -> str:
        """Where the region's store is, for a duty."""
        return self.site.cluster.dsn(self.database, login_of(duty))

    def _cursor(self, erp: str, legal_entity: str) -> str:
        with closing(books_reader(self.settings, erp, legal_entity)) as reader:
            return reader.cursor()

    def _event(self, legal_entity: str, number: int) -> dict[str, Any]:
        day, amount = FIRST_DAY + timedelta(days=number % DAYS), f"{number % 9_000 + 1}.25"
        terms = {"accounting_date": f"{day}", "number": f"LARGE-{number}"}
        if number % INVOICES_IN:
            return a_journal_entry(legal_entity, amount=amount, **terms)
        customers, currency = self.customers[legal_entity], self.settings.legal_entity(legal_entity).functional_currency
        terms |= {"issued_on": f"{day}", "due_on": f"{day + timedelta(days=30)}", "currency": currency}
        return an_invoice(customers[number // INVOICES_IN % len(customers)], legal_entity, amount, **terms)

    def _copy(self, legal_entity: str) -> None:
        """What is new in LedgerSMB goes to Tryton, and the copies that are due are settled, as their own workers would in some hours."""
        native: dict[str, str] = {}
        with closing(books_reader(self.settings, LEGACY, legal_entity)) as reader:
            more = True
            while more:
                page = reader.changes(self.cursors[legal_entity], limit=1_000)
                native |= self.tryton[legal_entity].post([each for each in page.entries if each.posting_id])
                self.cursors[legal_entity], more = page.cursor, page.more
        with psycopg.connect(self.site.cluster.dsn(self.database), autocommit=True) as connection:
            connection.execute(SETTLE, {"erp": CLOUD, "posting_ids": list(native), "native_ids": list(native.values())})
