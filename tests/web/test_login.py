"""Every door is locked, those that will be added too."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from hybrid_erp.web.api import Facade, build_api
from tests.fakes import FakeLogin
from tests.web.client import Client, problem_in

PUBLIC_TO_READERS = {"GET", "HEAD"}


def nothing_behind() -> Facade:
    raise AssertionError("the door was open")


def an_api(login: FakeLogin) -> FastAPI:
    return build_api(nothing_behind, login)


def doors(api: FastAPI) -> list[tuple[str, str]]:
    """Method and address of every route; one that is no plain route would be a door that nobody looks at."""
    found = []
    for route in api.routes:
        assert isinstance(route, APIRoute), f"{route} cannot be swept"
        path = re.sub(r"{[^}]*}", "00000000-0000-0000-0000-000000000000", route.path)
        found += [(method, path) for method in sorted(route.methods)]
    return found


DOORS = doors(an_api(FakeLogin()))


def test_the_sweep_sees_the_whole_api() -> None:
    assert ("POST", "/v1/events") in DOORS
    assert len(DOORS) >= 8


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_nobody_enters_signed_out(method: str, path: str) -> None:
    problem_in(Client(an_api(FakeLogin(signed_in=False))).call(method, path, b"{}"), 401, "not-signed-in")


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_nobody_enters_without_the_right_to_read(method: str, path: str) -> None:
    problem_in(Client(an_api(FakeLogin(may_read=False, may_send=False))).call(method, path, b"{}"), 403, "forbidden")


@pytest.mark.parametrize(("method", "path"), [door for door in DOORS if door[0] not in PUBLIC_TO_READERS])
def test_who_may_only_read_changes_nothing(method: str, path: str) -> None:
    problem_in(Client(an_api(FakeLogin(may_send=False))).call(method, path, b"{}"), 403, "forbidden")


def test_a_route_that_is_added_is_locked_before_anybody_thinks_of_it() -> None:
    api = an_api(FakeLogin(signed_in=False))

    @api.get("/v1/added")
    async def added() -> str:
        return "open"

    later = APIRouter()

    @later.get("/v1/added-by-a-router")
    async def added_by_a_router() -> str:
        return "open"

    api.include_router(later)

    for path in ("/v1/added", "/v1/added-by-a-router"):
        problem_in(Client(api).get(path), 401, "not-signed-in")


def test_the_frameworks_own_pages_are_not_served() -> None:
    for path in ("/docs", "/redoc"):
        problem_in(Client(an_api(FakeLogin(signed_in=False))).get(path), 404, "not-found")


def test_an_unknown_address_and_a_wrong_method_say_what_to_do() -> None:
    client = Client(an_api(FakeLogin()))

    problem_in(client.get("/v1/nothing"), 404, "not-found")
    problem_in(client.call("DELETE", "/v1/events"), 405, "method-not-allowed")
