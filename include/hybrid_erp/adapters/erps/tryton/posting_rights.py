"""Who may post in Tryton, by its own rows of who may what: groups that write what posts, directly or by inheriting from another group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hybrid_erp.adapters.erps.tryton.rpc import TrytonRpc
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind

#: What stands in a right's place where Tryton asks for no group: nobody can take that away.
EVERYBODY: Final = "everybody"

_POSTING_MODELS: Final = {
    "account.move": PostingKind.LEDGER,
    "account.invoice": PostingKind.BILLING,
    "project.work": PostingKind.PROJECT,
    "timesheet.line": PostingKind.PROJECT,
}
# Their own rows add to those of the record that they are part of.
_PARTS: Final = {"account.move.line": "account.move", "account.invoice.line": "account.invoice", "account.invoice.tax": "account.invoice"}
# A button or a wizard with groups of its own asks for one of these in place of the right to write.
_BUTTONS: Final = (("account.move", "post"), ("account.invoice", "post"), ("account.invoice", "process"))
_WIZARDS: Final = {
    "account.invoice.pay": PostingKind.BILLING,
    "account.invoice.credit": PostingKind.BILLING,
    "account.move.cancel": PostingKind.LEDGER,
    "account.move.reconcile_lines": PostingKind.LEDGER,
    "account.reconcile": PostingKind.LEDGER,
    "account.move.template.create": PostingKind.LEDGER,
    "timesheet.line.enter": PostingKind.PROJECT,
}
# Whoever writes one of these gives himself any right.
_RIGHTS_THEMSELVES: Final = ("res.group", "res.user", "ir.model.access")
_NOBODY: Final = "root"  # Tryton's own user, who never signs in

_Grants = dict[int | None, frozenset[PostingKind]]


@dataclass(frozen=True, slots=True)
class PostingGroups:
    """Groups and users as they are now."""

    groups: Mapping[int, Row]
    users: Sequence[Row]
    grants: Mapping[int | None, frozenset[PostingKind]]
    """By group, what it lets one post by its own rows; None: what everybody may."""
    keepers: frozenset[int]
    """Groups whose members can give themselves rights."""

    @property
    def rights(self) -> frozenset[PostingRight]:
        """Every posting right of everybody but administrators, also of users that were switched off: their REST keys go on working."""
        return frozenset(
            PostingRight(str(user["login"]), held, kind)
            for user in self.users
            if not user["administrator"]
            for held, kinds in self._held(user)
            for kind in kinds
        )

    @property
    def unstoppable(self) -> frozenset[str]:
        """Administrators pass every check; whoever writes groups or users gives himself any right."""
        return frozenset(
            str(user["login"])
            for user in self.users
            if user["login"] != _NOBODY
            and (user["administrator"] or any(self.keepers & set(self._line(group)) for group in user["groups"]))
        )

    def _held(self, user: Row) -> Iterator[tuple[str, frozenset[PostingKind]]]:
        yield EVERYBODY, self.grants.get(None, frozenset())
        for group in user["groups"]:
            yield self.groups[group]["name"], frozenset(kind for each in self._line(group) for kind in self.grants.get(each, ()))

    def _line(self, group: int) -> Iterator[int]:
        """A group and those that it inherits from, as far as they are active; being switched off does not cut the line."""
        seen: set[int] = set()
        following: int | None = group
        while following is not None and following not in seen:
            seen.add(following)
            row = self.groups[following]
            if row["active"]:
                yield following
            following = row["parent"]


def posting_groups(rpc: TrytonRpc) -> PostingGroups:
    """Ask Tryton. Raises as the protocol's call."""
    groups = rpc.records("res.group", [], ["name", "parent", "active"], inactive=True)
    users = rpc.records("res.user", [], ["login", "administrator", "groups"], inactive=True)
    models = [*_POSTING_MODELS, *_PARTS, *_RIGHTS_THEMSELVES]
    access = rpc.records("ir.model.access", [["model", "in", models]], ["model", "group", "perm_write", "perm_create"])
    buttons = rpc.records("ir.model.button", [["model", "in", ["account.move", "account.invoice"]]], ["model", "name", "groups"])
    wizards = rpc.records("ir.action.wizard", [["wiz_name", "in", list(_WIZARDS)]], ["wiz_name", "groups"])
    writing = [row for row in access if row["perm_write"] or row["perm_create"]]
    return PostingGroups(
        groups={int(row["id"]): row for row in groups},
        users=users,
        grants=_together((*_by_model(access, writing), *_by_action(buttons, wizards))),
        keepers=frozenset(row["group"] for row in writing if row["model"] in _RIGHTS_THEMSELVES and row["group"] is not None),
    )


def _by_model(access: Iterable[Row], writing: Iterable[Row]) -> Iterator[tuple[int | None, PostingKind]]:
    """Without any row a model is everybody's; parts follow what they are part of."""
    for model, kind in _POSTING_MODELS.items():
        if not any(row["model"] == model for row in access):
            yield None, kind
    for row in writing:
        model = str(row["model"])
        if (writes := _POSTING_MODELS.get(_PARTS.get(model, model))) is not None:
            yield row["group"], writes


def _by_action(buttons: Iterable[Row], wizards: Iterable[Row]) -> Iterator[tuple[int | None, PostingKind]]:
    for button in buttons:
        if (button["model"], button["name"]) in _BUTTONS:
            for group in button["groups"]:
                yield group, _POSTING_MODELS[button["model"]]
    for wizard in wizards:
        for group in wizard["groups"]:
            yield group, _WIZARDS[wizard["wiz_name"]]


def _together(grants: Iterable[tuple[int | None, PostingKind]]) -> _Grants:
    found: dict[int | None, set[PostingKind]] = {}
    for group, kind in grants:
        found.setdefault(group, set()).add(kind)
    return {group: frozenset(kinds) for group, kinds in found.items()}
