"""The lock-out of a Tryton database: users are taken out of the groups that post, and put back, in one call of Tryton's own protocol.

Groups are global in Tryton, so it holds for every company of the database. Nothing else stops everything: buttons leave the wizards open,
record rules the buttons, and a user that is switched off goes on by its REST key. REST keys are never cancelled for it: that is final, and
a lock-out has to be undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.lock_marker import MARKER, make_marker, read_marker
from hybrid_erp.adapters.erps.tryton.posting_rights import posting_groups
from hybrid_erp.adapters.erps.tryton.rpc import RpcRefusedError, TrytonRpc, answering
from hybrid_erp.adapters.erps.tryton.session import identified
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.errors import ErpUnavailableError, NotQuietError, OvertakenError
from hybrid_erp.model.lock_out import LockOutState, PostingRight

#: How often a change is tried again that others came before who were not later lock-outs.
ATTEMPTS: Final = 3

_CONCURRENCY: Final = "ConcurrencyException"


class TrytonLockOut:
    """One database of Tryton, with its custodian's password. Used by one thread at a time."""

    def __init__(
        self, connect: Callable[[], HttpEndpoint], *, expected: ErpIdentity, ours: Mapping[Role, str], request_seconds_max: float
    ) -> None:
        """`expected` is who must answer, `ours` the logins of our credentials; no request of the server runs longer than the maximum."""
        self._connect = connect
        self._expected = expected
        self._ours = dict(ours)
        self._request_seconds_max = request_seconds_max
        self._rpc: TrytonRpc | None = None
        self._confirmed_at: float | None = None

    def state(self) -> LockOutState:
        """Who may post, through whatever groups; asked again where a change came between the questions."""
        with answering():
            rpc = self._identified()
            before = read_marker(rpc)
            for _ in range(ATTEMPTS):
                found, after = posting_groups(rpc), read_marker(rpc)
                if before == after:
                    return LockOutState(after.generation if after else 0, found.rights, found.unstoppable, self._ours)
                before = after
        raise self._busy()

    def lock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Take users out of the groups. In force with the next request, given the server's `clean_timeout = 0`.

        Raises:
            OvertakenError: Tryton has seen a higher generation; nothing was changed.
        """
        self._change("remove", rights, generation)
        self._confirmed_at = time.monotonic()

    def unlock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Put users back into the groups. Raises as `lock`."""
        self._change("add", rights, generation)

    def wait_until_quiet(self, *, seconds: float) -> None:
        """Until no request can be left that had begun before the lock-out: Tryton shows none, so the time says it that each has at most.

        Counted from the confirmation that this session got; a session that got none counts from now.

        Raises:
            NotQuietError: The time that is needed is longer than the time that is given; it did not wait.
        """
        with answering():
            self._identified()
        now = time.monotonic()
        left = (now if self._confirmed_at is None else self._confirmed_at) + self._request_seconds_max - now
        if left > seconds:
            raise NotQuietError(
                f"A request to {self._expected.database} may run for {self._request_seconds_max:g} s. That is over in {left:.1f} s; "
                f"{seconds:g} s were given."
            )
        time.sleep(max(0.0, left))

    def close(self) -> None:
        """End the session."""
        if self._rpc is not None:
            self._rpc.close()
        self._rpc = None

    def _identified(self) -> TrytonRpc:
        if self._rpc is None:
            rpc = TrytonRpc(self._connect(), self._expected.database)
            try:
                companies = rpc.records("company.company", [], ["party.name", "currency.code"])
                identified(companies, rpc.records("ir.module", [["name", "=", "account_invoice"]], ["version"]), self._expected)
            except BaseException:
                rpc.close()
                raise
            self._rpc = rpc
        return self._rpc

    def _change(self, verb: str, rights: Collection[PostingRight], generation: int) -> None:
        """One write of all groups concerned and of the marker, which Tryton refuses as a whole where the marker is not as it was read.

        So a call that was held up on its way and comes after a later one changes nothing, and of two at the same time one is refused.
        """
        with answering():
            rpc = self._identified()
            for _ in range(ATTEMPTS):
                marker = read_marker(rpc) or make_marker(rpc)
                if marker.generation > generation:
                    raise OvertakenError(f"{self._expected.database} has seen generation {marker.generation}; {generation} came too late.")
                changes = [*_changes(rpc, verb, rights), [marker.record], {"name": MARKER.format(generation)}]
                context = {"_timestamp": {f"res.group,{marker.record}": marker.timestamp}}
                try:
                    rpc.call("model.res.group.write", *changes, context)
                    return
                except RpcRefusedError as refused:
                    if refused.kind != _CONCURRENCY:
                        raise
        raise self._busy()

    def _busy(self) -> ErpUnavailableError:
        return ErpUnavailableError(f"Others change the groups of {self._expected.database} all the time; the lock-out found no gap.", 1)


def _changes(rpc: TrytonRpc, verb: str, rights: Collection[PostingRight]) -> Iterator[list[int] | Row]:
    """Groups and what is written in each, by turns. What is no group, or no user any more, is passed over, and the state shows it."""
    groups = {row["name"]: int(row["id"]) for row in rpc.records("res.group", [], ["name"], inactive=True)}
    users = {row["login"]: int(row["id"]) for row in rpc.records("res.user", [], ["login"], inactive=True)}
    members: dict[int, set[int]] = {}
    for right in rights:
        if right.right in groups and right.login in users:
            members.setdefault(groups[right.right], set()).add(users[right.login])
    for group, moved in sorted(members.items()):
        yield [group]
        yield {"users": [[verb, sorted(moved)]]}
