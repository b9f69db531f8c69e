"""Who may post in Tryton, worked out from its own rows: inheritance, switched-off groups, what is everybody's."""

from __future__ import annotations

from typing import Any

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.posting_rights import posting_groups
from hybrid_erp.adapters.erps.tryton.rpc import TrytonRpc
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind

ACCOUNTING, ADMINISTRATION, ASSISTANTS, KEEPERS = 7, 8, 9, 15
LEDGER, BILLING, PROJECT = PostingKind.LEDGER, PostingKind.BILLING, PostingKind.PROJECT


class Rows(TrytonRpc):
    """A Tryton that knows its rows by heart."""

    def __init__(self, **rows: list[dict[str, Any]]) -> None:
        super().__init__(HttpEndpoint("http://nowhere.invalid", "custodian", ""), "tryton")
        self.rows = {name.replace("_", "."): each for name, each in rows.items()}

    def records(self, model: str, domain: Any, fields: Any, *, inactive: bool = False) -> list[dict[str, Any]]:
        return self.rows.get(model, [])


def a_group(number: int, name: str, parent: int | None = None, *, active: bool = True) -> dict[str, Any]:
    return {"id": number, "name": name, "parent": parent, "active": active}


def a_user(login: str, *groups: int, administrator: bool = False) -> dict[str, Any]:
    return {"login": login, "groups": list(groups), "administrator": administrator}


def access(model: str, group: int | None, *, writes: bool = True) -> dict[str, Any]:
    return {"model": model, "group": group, "perm_write": writes, "perm_create": writes}


GROUPS = [
    a_group(ACCOUNTING, "Accounting"),
    a_group(ADMINISTRATION, "Accounting Administration", ACCOUNTING),
    a_group(ASSISTANTS, "Assistants", ADMINISTRATION, active=False),
    a_group(KEEPERS, "Ledger custodian"),
]
CLOSED = [access(model, None, writes=False) for model in ("account.move", "account.invoice", "project.work", "timesheet.line")]


def rights(rows: Rows) -> set[tuple[str, str, PostingKind]]:
    return {(right.login, right.right, right.kind) for right in posting_groups(rows).rights}


def test_a_group_gives_what_its_rows_write_and_a_row_that_reads_gives_nothing() -> None:
    rows = [*CLOSED, access("account.move", ACCOUNTING), access("account.invoice", ASSISTANTS, writes=False)]

    assert rights(Rows(res_group=GROUPS, res_user=[a_user("billie", ACCOUNTING)], ir_model_access=rows)) == {
        ("billie", "Accounting", LEDGER)
    }


def test_a_group_inherits_through_others_even_through_one_that_is_switched_off() -> None:
    rows = [*CLOSED, access("account.move", ACCOUNTING)]
    users = [a_user("anna", ADMINISTRATION), a_user("otto", ASSISTANTS)]

    assert rights(Rows(res_group=GROUPS, res_user=users, ir_model_access=rows)) == {
        ("anna", "Accounting Administration", LEDGER),
        ("otto", "Assistants", LEDGER),
    }


def test_the_own_rows_of_a_group_that_is_switched_off_give_nothing() -> None:
    rows = [*CLOSED, access("account.move", ASSISTANTS)]

    assert rights(Rows(res_group=GROUPS, res_user=[a_user("otto", ASSISTANTS)], ir_model_access=rows)) == set()


def test_what_has_no_row_or_one_for_everybody_is_everybodys_but_administrators_are_told_apart() -> None:
    rows = [row for row in CLOSED if row["model"] != "timesheet.line"] + [access("account.invoice.line", None)]
    found = posting_groups(Rows(res_group=GROUPS, res_user=[a_user("billie"), a_user("root", administrator=True)], ir_model_access=rows))

    assert found.rights == {PostingRight("billie", "everybody", PROJECT), PostingRight("billie", "everybody", BILLING)}
    assert found.unstoppable == frozenset()


def test_a_button_or_a_wizard_with_groups_of_its_own_gives_the_right_too() -> None:
    buttons = [{"model": "account.move", "name": "post", "groups": [ASSISTANTS, KEEPERS]}]
    wizards = [{"wiz_name": "account.invoice.pay", "groups": [KEEPERS]}]
    rows = Rows(res_group=GROUPS, res_user=[a_user("kim", KEEPERS)], ir_model_access=CLOSED)
    rows.rows |= {"ir.model.button": buttons, "ir.action.wizard": wizards}

    assert rights(rows) == {("kim", "Ledger custodian", LEDGER), ("kim", "Ledger custodian", BILLING)}


def test_administrators_and_whoever_writes_groups_cannot_be_stopped() -> None:
    users = [a_user("admin", administrator=True), a_user("kim", KEEPERS), a_user("billie", ACCOUNTING)]
    rows = [*CLOSED, access("res.group", KEEPERS), access("res.group", None, writes=False)]

    assert posting_groups(Rows(res_group=GROUPS, res_user=users, ir_model_access=rows)).unstoppable == {"admin", "kim"}
