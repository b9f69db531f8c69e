"""Tryton's own protocol, JSON-RPC, as its client speaks it: for what REST cannot say, like changing several records in one transaction."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

from hybrid_erp.adapters.erps.http import HttpEndpoint, HttpSession, NothingSentError, UnansweredError
from hybrid_erp.adapters.erps.tryton.client import without_dots
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.errors import ErpUnavailableError

#: A call that takes longer is given up; what became of it is asked.
CALL_SECONDS_MAX: Final = 30.0
UNAUTHORIZED: Final = "401"


class RpcRefusedError(Exception):
    """Tryton refused and rolled back. `kind` is its own name for why, like `UserError`; a status where it gave none."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class TrytonRpc:
    """One login with its password at one database: signed in once, since Tryton makes the check of a password slow on purpose."""

    def __init__(self, endpoint: HttpEndpoint, database: str) -> None:
        self.login = endpoint.login
        self._password = endpoint.secret
        self._session = HttpSession(endpoint)
        self._target = f"/{quote(database)}/rpc/"
        self._signed_in: str | None = None

    def records(self, model: str, domain: Sequence[Any], fields: Sequence[str], *, inactive: bool = False) -> list[Row]:
        """The records of a domain; those that were switched off too, if asked for. Raises as `call`."""
        context = {"active_test": False} if inactive else {}
        return [without_dots(row) for row in self.call(f"model.{model}.search_read", list(domain), 0, None, None, list(fields), context)]

    def call(self, method: str, *terms: Any) -> Any:
        """One call, one transaction of Tryton's; the last of the terms is its context. A session that has ended is begun again.

        Raises:
            NothingSentError, UnansweredError, RpcRefusedError: It was not sent, not answered, refused.
        """
        if self._signed_in is not None:
            try:
                return self._sent(self._signed_in, method, terms)
            except RpcRefusedError as refused:
                if refused.kind != UNAUTHORIZED:
                    raise
        self._signed_in = self._sign_in()
        return self._sent(self._signed_in, method, terms)

    def close(self) -> None:
        """Sign out, if that is possible, and end the connection."""
        if self._signed_in is not None:
            with suppress(NothingSentError, UnansweredError, RpcRefusedError):
                self._sent(self._signed_in, "common.db.logout", ())
        self._signed_in = None
        self._session.close()

    def _sign_in(self) -> str:
        user, token, *_ = self._sent(None, "common.db.login", (self.login, {"password": self._password}))
        return "Session " + b64encode(f"{self.login}:{user}:{token}".encode()).decode()

    def _sent(self, authorization: str | None, method: str, terms: Sequence[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": terms}).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        reply = self._session.call("POST", self._target, headers=headers, body=body, limit_seconds=CALL_SECONDS_MAX)
        if reply.status != 200:
            raise RpcRefusedError(str(reply.status), "no answer of Tryton's own")
        try:
            answer = reply.json()
        except ValueError:
            raise UnansweredError("Tryton's answer is no JSON") from None
        if "error" in answer:
            kind, *message = answer["error"]
            raise RpcRefusedError(str(kind), str(message[0] if message else "")[:500])
        return answer.get("result")


@contextmanager
def answering() -> Iterator[None]:
    """Whoever asks learns one thing of a failure: that Tryton did not do it, or did not say so."""
    try:
        yield
    except (NothingSentError, UnansweredError) as error:
        raise ErpUnavailableError(f"Tryton does not answer: {error}.") from error
    except RpcRefusedError as refused:
        raise ErpUnavailableError(f"Tryton does not do that for this login: {refused}.") from refused
