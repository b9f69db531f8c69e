"""A full house turns senders away before it reads them, and loses nothing of what is inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from hybrid_erp.web import api as web_api
from hybrid_erp.web.api import build_api
from hybrid_erp.web.bounds import Bounded
from tests.fakes import FakeLogin
from tests.web.client import problem_in
from tests.web.test_login import nothing_behind


def test_one_more_than_fits_is_told_when_to_come_again_and_its_body_is_not_read() -> None:
    async def met() -> tuple[httpx.Response, httpx.Response, bool]:
        goes_on, is_inside = asyncio.Event(), asyncio.Event()
        inner = FastAPI()

        @inner.post("/")
        async def wait() -> str:
            is_inside.set()
            await goes_on.wait()
            return "done"

        door, was_read = Bounded(inner, 1), False

        async def body() -> AsyncIterator[bytes]:
            nonlocal was_read
            was_read = True
            yield b"[]"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://api") as client:
            first = asyncio.ensure_future(client.post("/"))
            await is_inside.wait()
            second = await asyncio.wait_for(client.post("/", content=body()), 10)
            goes_on.set()
            return await first, second, was_read

    first, second, was_read = asyncio.run(met())

    problem_in(second, 429, "intake-full")
    assert int(second.headers["retry-after"]) >= 1
    assert first.json() == "done"
    assert not was_read


def test_a_place_is_free_again_after_a_fault_too() -> None:
    async def fails(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("a fault")

    async def met() -> int:
        door = Bounded(fails, 1)
        for _ in range(3):
            try:
                await door({"type": "http"}, _nothing, _swallow)
            except RuntimeError:
                continue
        return door.inside

    assert asyncio.run(met()) == 0


def test_a_body_that_trickles_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_api, "BODY_SECONDS_MAX", 0.01)

    async def body() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    async def met() -> httpx.Response:
        transport = httpx.ASGITransport(build_api(nothing_behind, FakeLogin()))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.post("/v1/events", content=body())

    problem_in(asyncio.run(met()), 408, "body-too-slow")


async def _nothing() -> Message:
    return {"type": "http.request"}


async def _swallow(message: Message) -> None:
    return None
