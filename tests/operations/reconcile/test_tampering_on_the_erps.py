"""Whatever is done to a document of the real ERPs is found, and gets its class. It leaves the British books unequal: it comes last."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest

from sandbox.site import Site
from tests.builders import a_journal_entry, an_event, an_invoice, the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson
from tests.operations.reconcile.region import CLOUD, DAY, LEGACY, accept, level, many, one, reconcile, told
from tests.operations.reconcile.tampering import AS_IS, COPY_LINES, COPY_MOVE, NEW_MOVE, TAMPERINGS, Kind, Tampering

ENTITY, CUSTOMER, PROJECT = "UK01", "C-2003", "P-6001"
CHANCE = random.Random(20261127)
SPARED = 3


def an_entry(number: int, **changes: Any) -> dict[str, Any]:
    """Travel and rent of a project, paid at once."""
    travel, rent = CHANCE.randrange(20_000, 90_000), CHANCE.randrange(100_000, 900_000)
    dimensions = {"cost_centre": "CC-100"}
    lines = [
        {"account": "5200", "debit": money(travel), "dimensions": dimensions},
        {"account": "6100", "debit": money(rent), "dimensions": dimensions},
        {"account": "1000", "credit": money(travel + rent)},
    ]
    terms = {"accounting_date": a_day(), "project": PROJECT, "lines": lines}
    return a_journal_entry(ENTITY, number=f"TAMPER-{number}", **terms | changes)


def a_foreign_entry(number: int) -> dict[str, Any]:
    cents = CHANCE.randrange(100_000, 900_000)
    lines = [{"account": "5200", "debit": money(cents)}, {"account": "1000", "credit": money(cents)}]
    return an_entry(number, currency="USD", exchange_rate="0.7900", lines=lines)


def a_taxed_invoice(number: int, **changes: Any) -> dict[str, Any]:
    """Advice on a project, taxed at a fifth."""
    net, day = CHANCE.randrange(100, 900) * 100, a_day()
    line = {"item": "time", "description": "Advice", "quantity": "1", "unit_price": money(net), "amount": money(net), "tax_code": "GB-STD"}
    terms = {"project": PROJECT, "currency": "GBP", "total": money(net * 6 // 5), "lines": [line], "accounting_date": day, "issued_on": day}
    terms |= {"tax_lines": [{"tax_code": "GB-STD", "base": money(net), "amount": money(net // 5)}], "due_on": "2026-12-15"}
    return an_invoice(CUSTOMER, ENTITY, number=f"TAMPER-{number}", **terms | changes)


def a_payment(number: int, invoice: dict[str, Any]) -> dict[str, Any]:
    terms = {"number": f"TAMPER-{number}", "legal_entity": ENTITY, "customer": CUSTOMER, "bank_account": "B-1", "currency": "GBP"}
    applied = [{"invoice": invoice["data"]["number"], "amount": "60.00"}]
    return an_event("payment", terms | {"accounting_date": "2026-11-20", "amount": "60.00", "applications": applied, "project": PROJECT})


def a_day() -> str:
    """Forty days later the year is not over, and a day later the month is not."""
    return f"2026-{CHANCE.randrange(3, 11):02d}-{CHANCE.randrange(1, 25):02d}"


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def documents(tamperings: Iterable[Tampering]) -> dict[Kind, list[dict[str, Any]]]:
    """A document for each, and some more that nothing happens to."""
    needed = {kind: count + SPARED for kind, count in Counter(each.of for each in tamperings).items()}
    invoices = [a_taxed_invoice(1_000 + number) for number in range(needed["invoice"])]
    return {
        "entry": [an_entry(number) for number in range(needed["entry"])],
        "foreign": [a_foreign_entry(500 + number) for number in range(needed["foreign"])],
        "invoice": invoices,
        "payment": [a_payment(2_000 + number, invoices[number]) for number in range(needed["payment"])],
    }


def tamper(site: Site, tampering: Tampering, native_id: str) -> None:
    erp = LEGACY if tampering.where == "legacy" else CLOUD
    database = the_settings().erps[erp].companies[ENTITY].database
    with site.cluster.admin(database) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger and no log of the ERP's notices
        for statement in tampering.statements:
            done = connection.execute(statement.encode(), {"id": int(native_id.rpartition(",")[2])})
            assert done.rowcount > 0, (tampering.name, statement)


@pytest.mark.timeout(600)
def test_whatever_is_done_to_a_document_underneath_the_erps_is_found_in_its_class(dual_site: Site) -> None:
    posted = {kind: accept(dual_site, events) for kind, events in documents(TAMPERINGS).items()}
    level()
    assert reconcile(dual_site, ENTITY)["passed"]
    natives = many(dual_site, "SELECT posting_id, erp, native_id FROM delivery WHERE state = 'posted' AND legal_entity = %s", ENTITY)
    native_ids = {(row["posting_id"], row["erp"]): row["native_id"] for row in natives}
    victims: dict[UUID, Tampering] = {}
    for kind, postings in posted.items():
        tamperings = [each for each in TAMPERINGS if each.of == kind]
        victims |= dict(zip(CHANCE.sample(postings, len(tamperings)), tamperings, strict=True))
    for posting_id, tampering in victims.items():
        tamper(dual_site, tampering, native_ids[posting_id, LEGACY if tampering.where == "legacy" else CLOUD])

    found = reconcile(dual_site, ENTITY, depth="all")

    (entity,) = found["entities"]
    seen = {
        victims[each["posting_id"]].name: (each["class"], set(each["aspect"].split(", ")))
        for each in entity["differences"]
        if each["posting_id"] in victims
    }
    expected = {each.name: (each.found.value, set(each.aspect.split(", "))) for each in victims.values() if each.found}
    assert seen == expected, told(found)
    assert [each for each in entity["differences"] if each["posting_id"] not in victims] == [], told(found)
    assert len(expected) > 40


ALTERED_FROM_THE_FIRST = {
    "ALTER-FX": ("foreign", "fx_rate", {"functional amount"}),
    "ALTER-ROUND": ("foreign", "rounding", {"functional amount"}),
    "ALTER-TAX": ("invoice", "tax", {"amount"}),
    "ALTER-DATE": ("entry", "timing", {"accounting date"}),
    "ALTER-ACCOUNT": ("entry", "altered_by_erp", {"account"}),
}
"""Number of the document: what it is, its class, and on what it differs."""

WILFUL = """
    CREATE FUNCTION wilful_line() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE text text := (SELECT description FROM account_move WHERE id = NEW.move);
    BEGIN
        IF text LIKE '% ALTER-FX %' THEN
            NEW.debit := round(NEW.debit * 1.02, 2); NEW.credit := round(NEW.credit * 1.02, 2);
        ELSIF text LIKE '% ALTER-ROUND %' THEN
            NEW.debit := NEW.debit + sign(NEW.debit) * 0.01; NEW.credit := NEW.credit + sign(NEW.credit) * 0.01;
        ELSIF text LIKE '% ALTER-TAX %' AND NEW.account = (SELECT id FROM account_account WHERE code = '2.2.10') THEN
            NEW.credit := NEW.credit - 0.50;
        ELSIF text LIKE '% ALTER-TAX %' AND NEW.party IS NOT NULL THEN
            NEW.debit := NEW.debit - 0.50;
        ELSIF text LIKE '% ALTER-ACCOUNT %' AND NEW.account = (SELECT id FROM account_account WHERE code = '5.2.4') THEN
            NEW.account := (SELECT id FROM account_account WHERE code = '5.2.7');
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER wilful BEFORE INSERT ON account_move_line FOR EACH ROW EXECUTE FUNCTION wilful_line();
    CREATE FUNCTION wilful_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.date := NEW.date + CASE WHEN NEW.description LIKE '% ALTER-DATE %' THEN 1 ELSE 0 END;
        RETURN NEW;
    END $$;
    CREATE TRIGGER wilful BEFORE INSERT ON account_move FOR EACH ROW EXECUTE FUNCTION wilful_move();
"""
MILD = "DROP TRIGGER wilful ON account_move_line; DROP TRIGGER wilful ON account_move; DROP FUNCTION wilful_line, wilful_move"


def test_what_the_cloud_erp_books_otherwise_than_it_was_sent_is_told_by_its_kind(dual_site: Site) -> None:
    making: dict[str, Any] = {"foreign": a_foreign_entry, "invoice": a_taxed_invoice, "entry": an_entry}
    postings = {}
    with dual_site.cluster.admin(the_settings().erps[CLOUD].companies[ENTITY].database) as tryton:
        tryton.execute(WILFUL.encode())
        for number, (kind, *_) in ALTERED_FROM_THE_FIRST.items():
            event = making[kind](0)
            event["data"]["number"] = number
            postings[accept(dual_site, [event])[0]] = number
        level()
        tryton.execute(MILD.encode())

    found = reconcile(dual_site, ENTITY)

    told_of = {each["posting_id"]: each for each in found["entities"][0]["differences"]}
    seen = {postings[key]: (told_of[key]["class"], set(told_of[key]["aspect"].split(", "))) for key in postings if key in told_of}
    assert seen == {number: (each[1], each[2]) for number, each in ALTERED_FROM_THE_FIRST.items()}, told(found)


def test_what_people_post_in_the_erps_themselves_is_told_by_its_kind(dual_site: Site) -> None:
    legacy, cloud = LedgerSmbBooks(dual_site.cluster, the_settings(), ENTITY), TrytonPerson(dual_site, the_settings(), ENTITY)
    (posting_id,) = accept(dual_site, [an_entry(9_000)])
    level()
    ours = one(dual_site, "SELECT native_id FROM delivery WHERE posting_id = %s AND erp = %s", posting_id, CLOUD)
    move, person = int(ours.rpartition(",")[2]), cloud.person
    mapped = [rule.native for rule in the_settings().mappings[CLOUD].accounts]
    domain = [["code", "not in", mapped], ["type", "!=", None], ["closed", "!=", True], ["party_required", "=", False]]
    unmapped = person.one("account.account", domain, "code")
    newest = "SELECT max(id) FROM account_move"

    person.cancel_move(move)
    reversal = f"account.move,{cloud.erp.one(newest)}"
    again = cloud.enter(DAY, "Posted again by hand", [("6100", "71.00"), ("1000", "-71.00")])
    nowhere = f"account.move,{person.move((unmapped, '72.00'), ('1.1.1', '-72.00'), on=DAY, text='On an account of its own')}"
    run = legacy.numbered("DEPR-2026-11", DAY, "Depreciation", [("6200", "73.00"), ("1000", "-73.00")])
    typed = legacy.enter(DAY, "Typed in", [("6100", "74.00"), ("1000", "-74.00")])
    with dual_site.cluster.admin(the_settings().erps[CLOUD].companies[ENTITY].database) as tryton:
        for statement in (
            COPY_MOVE.format(description="regexp_replace(description, '.[0-9a-f-]{36}', '[' || gen_random_uuid())", mark="/3"),
            COPY_LINES.format(**AS_IS, move=NEW_MOVE, where=""),
        ):
            tryton.execute(statement.encode(), {"id": move})
    stranger = f"account.move,{cloud.erp.one(newest)}"

    found = reconcile(dual_site, ENTITY)

    expected = {
        reversal: "native_in_cloud",
        again: "native_in_cloud",
        nowhere: "mapping_gap",
        run: "period_run",
        typed: "native_in_legacy",
        stranger: "unexplained",
    }
    seen = {each["legacy_id"] or each["cloud_id"]: each["class"] for each in found["entities"][0]["differences"]}
    assert {native_id: seen.get(native_id) for native_id in expected} == expected, told(found)
