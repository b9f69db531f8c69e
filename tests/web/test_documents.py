"""Read through: the answer names the ERP, and says what that ERP has booked now."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any
from uuid import UUID

from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.web.api import Facade, build_api
from hybrid_erp.web.callers import Caller
from tests.builders import a_journal_entry
from tests.fakes import FakeErp, FakeLogin
from tests.stores import LEGACY, SETTINGS, Store
from tests.web.client import Client, problem_in


def delivered(store: Store, erps: dict[str, FakeErp], event: dict[str, Any]) -> UUID:
    """Accepted, and booked at the fake ERP by a worker."""
    (posting_id,) = store.accept(event)
    delivery = Delivery(SETTINGS.firm, erps[LEGACY], store.settlements())
    Worker(LEGACY, event["data"]["legal_entity"], store.claims(), delivery, 60).run(seconds=20)
    assert store.state(posting_id) == "posted"
    return posting_id


def address(event: dict[str, Any]) -> str:
    return f"/v1/documents/journal_entry/{event['data']['number']}"


def test_a_document_is_answered_with_what_its_erp_says_now(client: Client, store: Store, erps: dict[str, FakeErp]) -> None:
    event = a_journal_entry(number="JE/7", amount="100.10")
    posting_id = delivered(store, erps, event)

    found = client.get("/v1/documents/journal_entry/JE/7").json()

    assert found.pop("read_at")
    assert found.pop("latest") == {"version": 1, "posting_id": str(posting_id), "state": "posted", "payload_erased_at": None}
    lines = found["booked"].pop("lines")
    assert found == {
        "document_type": "journal_entry",
        "number": "JE/7",
        "source": "tests",
        "legal_entity": "DE01",
        "region": "emea",
        "erp": LEGACY,
        "native_id": "1",
        "native_number": "N1",
        "legal_number": "L1",
        "posting_id": str(posting_id),
        "held": True,
        "posted": True,
        "booked": {"accounting_date": "2026-03-05", "currency": "EUR", "functional_currency": "EUR"},
    }
    assert [(line["account"], line["amount"]) for line in lines] == [("5200", "100.10"), ("1000", "-100.10")]
    erps[LEGACY].alter(posting_id, native_number="altered there")
    assert client.get("/v1/documents/journal_entry/JE/7").json()["native_number"] == "altered there"


def test_what_the_erp_has_lost_is_said(client: Client, store: Store, erps: dict[str, FakeErp]) -> None:
    event = a_journal_entry()
    delivered(store, erps, event)
    erps[LEGACY].documents.clear()

    found = client.get(address(event)).json()

    assert (found["held"], found["erp"], found["native_id"]) == (False, LEGACY, "1")
    assert "booked" not in found


def test_an_unknown_document_is_not_found_and_a_type_that_is_none_is_refused(client: Client) -> None:
    problem_in(client.get("/v1/documents/invoice/INV-0"), 404, "not-found")
    problem_in(client.get("/v1/documents/poem/1"), 422, "invalid-request")


def test_a_document_that_waits_is_told_with_its_state(client: Client, store: Store) -> None:
    event = a_journal_entry()
    (posting_id,) = store.accept(event)

    problem = problem_in(client.get(address(event)), 409, "document-waiting")

    assert (problem["posting_id"], problem["state"], problem["legal_entity"]) == (str(posting_id), "waiting", "DE01")


def test_two_documents_of_one_number_are_told_apart_by_the_legal_entity(client: Client, store: Store, erps: dict[str, FakeErp]) -> None:
    for legal_entity in ("DE01", "UK01"):
        delivered(store, erps, a_journal_entry(legal_entity, number="JE-1"))

    assert "DE01, UK01" in problem_in(client.get("/v1/documents/journal_entry/JE-1"), 409, "document-ambiguous")["detail"]
    assert client.get("/v1/documents/journal_entry/JE-1?legal_entity=UK01").json()["legal_entity"] == "UK01"
    problem_in(client.get("/v1/documents/journal_entry/JE-1?legal_entity=XX99"), 404, "not-found")


def test_a_machine_sees_documents_of_its_own_source_and_legal_entities_alone(
    client: Client, store: Store, erps: dict[str, FakeErp], login: FakeLogin
) -> None:
    event = a_journal_entry()
    delivered(store, erps, event)

    for caller, status in (
        (Caller("m", "crm", None, frozenset({"DE01"})), 404),
        (Caller("m", "tests", None, frozenset({"UK01"})), 404),
        (Caller("m", "tests", None, frozenset()), 404),
        (Caller("m", "tests", None, frozenset({"DE01"})), 200),
        (Caller("m", "tests"), 200),
    ):
        login.caller = caller
        assert client.get(address(event)).status_code == status, caller
    login.caller = Caller("m", "tests", None, frozenset({"UK01"}))
    problem_in(client.get(f"{address(event)}?legal_entity=DE01"), 404, "not-found")


def test_a_process_without_a_way_to_the_erps_says_so(facade: Facade, login: FakeLogin) -> None:
    apart = replace(facade, documents=None)

    problem = problem_in(Client(build_api(lambda: apart, login)).get("/v1/documents/invoice/INV-0"), 501, "not-served-here")

    assert "Airflow" in problem["remedy"]


def test_an_erp_that_is_down_is_named(client: Client, store: Store, erps: dict[str, FakeErp]) -> None:
    event = a_journal_entry()
    delivered(store, erps, event)
    erps[LEGACY].down = True

    assert LEGACY in problem_in(client.get(address(event)), 503, "erp-unavailable")["detail"]


def test_an_erp_that_is_silent_is_named_and_holds_up_no_intake(client: Client, store: Store, erps: dict[str, FakeErp]) -> None:
    event, let = a_journal_entry(), threading.Event()
    delivered(store, erps, event)

    class Hanging(FakeErp):
        def identity(self) -> ErpIdentity:
            assert let.wait(30)
            return super().identity()

    erps[LEGACY] = Hanging()
    try:
        assert LEGACY in problem_in(client.get(address(event)), 504, "erp-silent")["detail"]
        assert client.send(a_journal_entry()).status_code == 202
    finally:
        let.set()
