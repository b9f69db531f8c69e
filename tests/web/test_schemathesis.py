"""The whole API against its own description: what it allows and what it does not, made up and sent, with and without a credential."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests
from fastapi import FastAPI, HTTPException, Request
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.openapi.loaders import from_dict
from schemathesis.schemas import APIOperation

from hybrid_erp.adapters.store.callers import PostgresCallers
from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from hybrid_erp.web.api import Facade, build_api
from hybrid_erp.web.callers import Caller
from hybrid_erp.web.credentials import Credentials
from hybrid_erp.web.description import described
from hybrid_erp.web.machines import MachineLogin
from tests.stores import Store
from tests.web.test_login import DOORS
from tests.web.test_machines import SOURCES

load_all_checks()
EXAMPLES, SIGNED_OUT = 20, 5  # who is signed out is turned away before anything is read
Operation = APIOperation[Any, Any, Any, Any]
CHECKED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "positive_data_acceptance",
    )
]
#: What no description says: which accounts, periods and legal entities there are, and that a person has to name a source.
SAID_NOWHERE = {"POST /v1/events", "GET /v1/outcomes"}
#: Any text is a name there, and an unknown one is 404: next to nothing can be sent that does not fit.
ANYTHING_FITS = {"GET /v1/cutovers/{region}", "GET /cutovers/{region}", "GET /v1/schemas/{event_type}"}
PERSON = "a-person"
#: What does not fit is refused; a batch that is too large with 413, which the check does not know by itself.
CONFIGURED = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": [400, 403, 404, 413, 422]}}})


class TokenLogin:
    """A person who shows a token."""

    def reader(self, request: Request) -> Caller:
        if request.headers.get("authorization") != f"Bearer {PERSON}":
            raise HTTPException(401, "Nobody is signed in.")
        return Caller("a person")

    sender = reader


def operations(api: FastAPI) -> list[Operation]:
    """Every route that the description names, as somebody sees it who may read it."""
    without_login = {name: content for name, content in described(api).items() if name != "security"}  # the tests show a token or none
    found = list(from_dict(without_login, config=CONFIGURED).get_all_operations())
    assert all(isinstance(each, Ok) for each in found)
    return [each.ok() for each in found if isinstance(each, Ok)]


def send_all(api: FastAPI, token: str) -> None:
    """To each route what fits its description, and where anything is asked for, what does not."""
    for operation in operations(api):
        modes = [GenerationMode.POSITIVE]
        asks = operation.body or operation.path_parameters or operation.query
        if asks and operation.label not in ANYTHING_FITS:
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            said = operation.label not in SAID_NOWHERE
            _send(api, operation, mode, token, CHECKED if said else CHECKED[:-1])


def answer_to(case: Case[Any], api: FastAPI, token: str | None) -> httpx.Response:
    """As any other client of these tests would send it."""
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://api")).prepare()
    headers = {name: value for name, value in asked.headers.items() if name.lower() != "authorization"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    async def answered() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://api") as client:
            return await client.request(str(asked.method), str(asked.url), headers=headers, content=asked.body)

    return asyncio.run(answered())


def _send(api: FastAPI, operation: Operation, mode: GenerationMode, token: str, checks: list[Any]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def made_up(case: Case[Any]) -> None:
        case.validate_response(answer_to(case, api, token), checks=checks)

    made_up()


@pytest.fixture
def people(facade: Facade) -> FastAPI:
    return build_api(lambda: facade, TokenLogin())


@pytest.fixture
def machines(facade: Facade, store: Store) -> FastAPI:
    credentials = Credentials(PostgresCallers(store.pool("intake")), SOURCES, [])
    return build_api(lambda: facade, MachineLogin(lambda: credentials))


def test_the_description_names_every_route(people: FastAPI) -> None:
    assert {operation.label.split(" ")[0] for operation in operations(people)} == {"GET", "POST"}
    assert len(operations(people)) == len(DOORS)


def test_a_person_is_answered_as_described_whatever_is_sent(people: FastAPI) -> None:
    send_all(people, PERSON)


def test_a_source_is_answered_as_described_whatever_is_sent(machines: FastAPI, store: Store) -> None:
    key = PostgresSourceKeys(store.connect("cutover")).issue(
        "ledger", expires_at=datetime.now(UTC) + timedelta(days=30), by="lead", reason="tests"
    )

    send_all(machines, key.text)


@pytest.mark.parametrize("application", ["people", "machines"])
def test_without_a_credential_everything_is_refused(application: str, request: pytest.FixtureRequest) -> None:
    api: FastAPI = request.getfixturevalue(application)
    for operation in operations(api):

        @settings(max_examples=SIGNED_OUT, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def made_up(case: Case[Any]) -> None:
            answer = answer_to(case, api, None)
            assert answer.status_code == 401, case.as_curl_command()
            assert answer.json()["code"] == "not-signed-in"

        made_up()
