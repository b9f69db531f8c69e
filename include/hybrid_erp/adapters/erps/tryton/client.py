"""Tryton's REST interface: search, create, change, delete, press a button."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from hybrid_erp.adapters.erps.http import HttpEndpoint, HttpSession, Reply, UnansweredError, seconds_until
from hybrid_erp.adapters.erps.tryton.values import Row, encoded

#: A reading that takes longer is given up; no posting hangs on it.
READ_SECONDS_MAX: Final = 30.0


class RefusedError(Exception):
    """Tryton answered, and the answer is no success."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(_words(reply))

    @property
    def message(self) -> str:
        """What Tryton says, without any payload of ours."""
        return str(self)


def _words(reply: Reply) -> str:
    """Tryton's own words: JSON for what its rules refuse, a page for everything else."""
    try:
        content = reply.json()
        return " ".join(str(content[name]).strip() for name in ("message", "description") if content.get(name))[:500]
    except (ValueError, AttributeError, TypeError):
        return f"status {reply.status}"


def without_dots(row: Any) -> Any:
    """A record whose related records stand under `name.`, as one whose stand under `name`."""
    if isinstance(row, list):
        return [without_dots(each) for each in row]
    if not isinstance(row, dict):
        return row
    related = {name[:-1]: without_dots(value) for name, value in row.items() if name.endswith(".")}
    return {name: value for name, value in row.items() if not name.endswith(".")} | related


class TrytonClient:
    """One credential at one database. `calls` counts its requests."""

    def __init__(self, endpoint: HttpEndpoint, database: str) -> None:
        self.login = endpoint.login
        self.context: Row = {}
        self.calls = 0
        self._secret = endpoint.secret
        self._session = HttpSession(endpoint)
        self._root = f"/{quote(database)}/rest/model/"
        self._deadline: float | None = None
        self._trace: dict[str, str] = {}

    def bound_to(self, deadline: float | None, correlation_id: str = "", traceparent: str | None = None) -> None:
        """Let every call from now on end before the deadline, and carry what connects it to the rest of its story."""
        self._deadline = deadline
        self._trace = {"X-Correlation-Id": correlation_id} if correlation_id else {}
        if traceparent:
            self._trace["traceparent"] = traceparent

    def search(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None, order: Sequence[Any] | None = None
    ) -> list[Row]:
        """The records of a domain. Raises as `create`; nothing is changed by asking."""
        query = [("d", encoded(domain)), *(("f", name) for name in fields or ("id",))]
        query += [("s", str(limit))] if limit is not None else []
        query += [("o", encoded(order))] if order is not None else []
        found = self._call("GET", f"{model}?{urlencode(query)}")
        if not isinstance(found, list):
            raise UnansweredError(f"Tryton's answer about {model} is no list")
        return found

    def select(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        limit: int | None = None,
        order: Sequence[Any] | None = None,
        context: Row | None = None,
    ) -> list[Row]:
        """As `search`, but asked in the body, where a long domain has room, and refused where a field may not be read.

        The context is added to the session's own, for this call alone: Tryton's balances take their period from it.
        """
        asked = {"domain": domain, "fields_names": ["id", *fields], "limit": limit, "order": order}
        found = self._call("POST", f"{model}/search_read", asked, context)
        if not isinstance(found, list):
            raise UnansweredError(f"Tryton's answer about {model} is no list")
        return [without_dots(row) for row in found]

    def count(self, model: str, domain: Sequence[Any]) -> int:
        """How many records a domain has. Raises as `create`."""
        return int(self._call("POST", f"{model}/search_count", {"domain": domain}))

    def create(self, model: str, row: Row) -> int:
        """Make a record; its id.

        Raises:
            NothingSentError, UnansweredError, RefusedError: It was not sent, not answered, refused.
        """
        made = self._call("POST", model, row)
        try:
            return int(made["id"])
        except (TypeError, KeyError, ValueError):
            raise UnansweredError("Tryton answered without the record that it made") from None

    def change(self, model: str, record: int, row: Row) -> None:
        """Change a record. Raises as `create`."""
        self._call("PUT", f"{model}/{record}", row)

    def delete(self, model: str, record: int) -> None:
        """Delete a record. Raises as `create`."""
        self._call("DELETE", f"{model}/{record}")

    def press(self, model: str, record: int, button: str) -> None:
        """Press a button of a record. Raises as `create`."""
        self._call("POST", f"{model}/{record}/{button}", {})

    def rights(self, model: str) -> Row:
        """What this credential may do with a model. Raises as `create`."""
        answer = self._call("POST", "ir.model.access/get_access", {"models": [model]})
        return dict(answer[model])

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _call(self, method: str, path: str, row: Row | None = None, context: Row | None = None) -> Any:
        self.calls += 1
        headers = {
            "Authorization": f"bearer {self._secret}",
            "Accept-Language": "en",
            "X-Tryton-Context": encoded(self.context | (context or {})),
            **self._trace,
        }
        body = None
        if row is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(row, separators=(",", ":")).encode()
        limit = READ_SECONDS_MAX if self._deadline is None else seconds_until(self._deadline)
        reply = self._session.call(method, self._root + path, headers=headers, body=body, limit_seconds=limit)
        if not 200 <= reply.status < 300:
            raise RefusedError(reply)
        if not reply.body:
            return None
        try:
            return reply.json()
        except ValueError:
            raise UnansweredError("Tryton's answer is no JSON") from None
