"""The login of machines: a bearer token is one source's, and opens for it the few routes that are named, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_erp.web.callers import OPEN_TO_MACHINES, Caller
from hybrid_erp.web.credentials import Credentials, UnknownCallerError
from hybrid_erp.web.oauth import IssuerAwayError

#: Looking at a token never waits behind batches that are stored.
THREADS: Final = 4


class MachineLogin:
    """Reading and sending are one right; what is sent and shown is limited by the caller."""

    def __init__(self, open_credentials: Callable[[], Credentials]) -> None:
        self.open_credentials: Final = open_credentials
        self.limiter: Final = anyio.CapacityLimiter(THREADS)
        self.sender: Final = self.reader

    async def reader(self, request: Request) -> Caller:
        """The source whose token this is, on a route that is open to machines."""
        token = bearer_token(request.scope)
        if not token:
            raise HTTPException(401, "No bearer token came with the request.", {"WWW-Authenticate": "Bearer"})
        route = (request.method, getattr(request.scope.get("route"), "path", ""))
        return await anyio.to_thread.run_sync(self._look, token, route, limiter=self.limiter)

    def _look(self, token: str, route: tuple[str, str]) -> Caller:
        credentials = self.open_credentials()
        try:
            caller = credentials.caller_of(token)
        except UnknownCallerError as error:
            raise HTTPException(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None
        except IssuerAwayError as error:
            raise HTTPException(503, str(error), {"Retry-After": "10"}) from None
        if route not in OPEN_TO_MACHINES:
            credentials.store.refused(caller.name, {"source": caller.source, "route": " ".join(route)})
            raise HTTPException(403, f"{' '.join(route)} is not open to the credential of a source.")
        return caller


def bearer_token(scope: Scope) -> str | None:
    """The bearer token of a request; None if there is none."""
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else None
    return None


class MachineDoor:
    """Sends who brings a machine's token to the machines' application, and everybody else on to the people's."""

    def __init__(self, app: ASGIApp, machines: ASGIApp, open_credentials: Callable[[], Credentials]) -> None:
        self.people, self.machines, self.open_credentials = app, machines, open_credentials
        self.limiter: Final = anyio.CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        token = bearer_token(scope) if scope["type"] == "http" else None
        is_machine = token and (await anyio.to_thread.run_sync(self.open_credentials, limiter=self.limiter)).is_machine(token)
        await (self.machines if is_machine else self.people)(scope, receive, send)
