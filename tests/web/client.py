"""A client that calls the application in this process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.types import ASGIApp


@dataclass(frozen=True)
class Client:
    """Each call is a request of its own. A fault of the application is an answer 500, as a server would give it."""

    api: ASGIApp
    token: str | None = None

    def call(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        async def called() -> httpx.Response:
            headers = {b"Authorization": f"Bearer {self.token}".encode("latin-1")} if self.token else None
            transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(called())

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def send(self, events: Any) -> httpx.Response:
        return self.call("POST", "/v1/events", json.dumps(events).encode())

    def send_text(self, body: str | bytes) -> httpx.Response:
        return self.call("POST", "/v1/events", body.encode() if isinstance(body, str) else body)


def problem_in(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details of a refusal, complete."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:hybrid-erp:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["remedy"]
    return problem
