"""Capture of the regions that an ERP is the candidate of, put together from settings, store and readers."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import closing
from typing import Any, Final

import psycopg

from hybrid_erp.adapters.store.captures import PostgresCaptures
from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.operations.capture.canonical import Canon
from hybrid_erp.operations.capture.capture import Policies, follow
from hybrid_erp.settings import RegionSettings
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader
from hybrid_erp.wiring.delivery import store_connection

log: Final = logging.getLogger(__name__)


def capture_for(candidate: str) -> dict[str, int]:
    """Follow both ERPs of each region that is kept on two ERPs with this one as its candidate; counts by what became of documents.

    Raises:
        ErpUnavailableError: The books of a company cannot be read now; those of the others were.
        WrongSystemError: Another system answers for one of them.
    """
    done: Counter[str] = Counter()
    failed: list[ErpUnavailableError | WrongSystemError] = []
    with store_connection("capture") as connection:
        for region in settings().regions.values():
            if region.plan is None or candidate not in (region.legacy, region.cloud):
                continue
            for legal_entity in region.legal_entities:
                boundary = PostgresDualRun(connection).boundary(legal_entity, candidate)
                if boundary is None:
                    continue
                for erp, cursor in ((boundary.control, boundary.control_cursor), (candidate, boundary.candidate_cursor)):
                    try:
                        done.update(capture_company(region, erp, legal_entity, connection, from_cursor=cursor))
                    except (ErpUnavailableError, WrongSystemError) as error:
                        log.warning("The books of %s in %s are not followed now: %s", legal_entity, erp, error.message)
                        failed.append(error)
    if failed:
        raise failed[0]
    return dict(done)


def capture_company(
    region: RegionSettings, erp: str, legal_entity: str, connection: psycopg.Connection[tuple[Any, ...]], *, from_cursor: str
) -> Counter[str]:
    """Follow the books of one company of one ERP. The connection has the rights of `hybrid_erp_capture`.

    Raises:
        ErpUnavailableError: They cannot be read now.
        WrongSystemError: Another system answers.
    """
    assert region.plan is not None
    captures = PostgresCaptures(connection, f"capture:{erp}")
    if captures.cursor(erp, legal_entity) is None:
        captures.begin(erp, legal_entity, from_cursor)
    policy = region.plan.capture.legacy if erp == region.legacy else region.plan.capture.cloud
    policies = Policies(policy, region.plan.period_runs, is_owner=PostgresDualRun(connection).owns_ledger(region.region, erp))
    firm = settings().firm
    canon = Canon(erp, firm, lambda event: posting_of(firm, event), lambda native_id: captures.invoice_of(erp, legal_entity, native_id))
    with closing(books_reader(settings(), erp, legal_entity)) as reader:
        done = follow(erp, legal_entity, reader, captures, canon, policies)
    if done:
        log.info("%s in %s: %s.", legal_entity, erp, ", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    return done
