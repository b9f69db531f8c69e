"""Who may change what in the store, and how ownership moves."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import errors

from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.model.claim import Claim, SettledDead, SettledInDoubt, SettledRetry
from hybrid_erp.model.delivery import FailureClass
from hybrid_erp.model.errors import OwnershipConflictError
from tests.builders import a_journal_entry, a_project
from tests.stores import CLOUD, LEGACY, TEMPLATE, Store

KEY = "project:P-1"
DUTIES = ("intake", "delivery", "cutover", "reader", "capture", "retention")

WAY = {"posting_key", "posting", "document", "outbox", "dependency"}
MIRROR = {"observed_company", "observed_cell", "observed_detail", "observed_slice", "observed_document", "observed_line", "observed_change"}
RECONCILED = {
    "reconciliation",
    *(f"reconciliation_{part}" for part in ("amount", "balance", "check", "difference", "entity", "evidence", "left_out", "project")),
}
LOADED = {"load", "load_balance", "load_document", "load_item", "load_gap"}
LIMITS = {"turn", "outage", "attendance"}
BOUNDARY = {"dual_run_boundary", "dual_run_contained"}
CAPTURED = {"native_document", "capture_cursor"}
OWNED = {"ownership", "ownership_period", "ownership_history", "pin"}
MOVED = {"cutover", "cutover_approval", "cutover_step", "lock_out", "lock_out_history"}
SETTLED = {"delivery", "crosswalk", "mapping_in_force"}
TRAIL = {"audit", "audit_seal"}
TRUSTED = {"store_trust", "store_trust_history"}
HOOKED = {"webhook", "dead_webhook"}
#: Hashes of secrets: intake alone checks them.
KEYS = {"source_key"}
READ_BY_ALL = (
    WAY | MIRROR | RECONCILED | LOADED | LIMITS | BOUNDARY | CAPTURED | OWNED | MOVED | SETTLED | TRAIL | TRUSTED | HOOKED | {"outcome"}
)
TABLES = READ_BY_ALL | KEYS
NONE: set[str] = set()
MAY_INSERT = {
    "intake": WAY | {"audit"},
    "delivery": SETTLED | TRAIL | MIRROR | RECONCILED | LIMITS | HOOKED | {"outbox"},
    "cutover": {"audit", "cutover_step"} | BOUNDARY | LOADED,
    "reader": NONE,
}
MAY_UPDATE = {
    "intake": NONE,
    "delivery": SETTLED - {"mapping_in_force"} | LIMITS | HOOKED | MIRROR - {"observed_change"},
    "cutover": NONE,
    "reader": NONE,
}
MAY_DELETE = {"intake": NONE, "delivery": LIMITS | {"observed_line", "dependency"}, "cutover": NONE, "reader": NONE}
#: What is looked at before a payload is erased; it is erased by a function alone.
LOOKED_AT = {
    *("posting_key", "posting", "document", "outbox", "delivery", "ownership", "ownership_period", "cutover", "load", "load_item"),
    *("observed_company", "observed_document", "dual_run_boundary"),
}
MAY_INSERT["retention"] = MAY_UPDATE["retention"] = MAY_DELETE["retention"] = NONE
# What comes out of an ERP's books is taken in and is settled at once: the rights of both duties.
MAY_INSERT["capture"] = MAY_INSERT["intake"] | MAY_INSERT["delivery"] | CAPTURED
MAY_UPDATE["capture"] = MAY_UPDATE["delivery"] | CAPTURED
MAY_DELETE["capture"] = MAY_DELETE["delivery"]


@pytest.mark.parametrize("duty", DUTIES)
def test_each_duty_has_the_rights_that_it_needs_and_no_other(store: Store, duty: str) -> None:
    def may(right: str) -> set[str]:
        statement = "SELECT name FROM unnest(%s::text[]) AS name WHERE has_table_privilege(%s, name, %s)"
        return {row["name"] for row in store.sql(statement, list(TABLES), f"hybrid_erp_{duty}", right)}

    read = {"intake": TABLES, "capture": TABLES, "retention": LOOKED_AT}
    assert may("SELECT") == read.get(duty, READ_BY_ALL)
    assert may("INSERT") == MAY_INSERT[duty]
    assert may("UPDATE") == MAY_UPDATE[duty]
    assert may("DELETE") == MAY_DELETE[duty]
    assert may("TRUNCATE") == NONE


def test_no_table_is_left_out_of_the_rights_that_are_tested(store: Store) -> None:
    statement = """
        SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
        AND relname <> 'alembic_version'
    """
    assert {row["relname"] for row in store.sql(statement)} == TABLES


def test_the_delivery_moves_a_posting_and_never_changes_what_it_is(store: Store) -> None:
    columns = store.sql(
        """SELECT column_name FROM information_schema.column_privileges
           WHERE grantee = 'hybrid_erp_delivery' AND table_name = 'outbox' AND privilege_type = 'UPDATE' ORDER BY 1"""
    )

    assert [row["column_name"] for row in columns] == ["due_at", "period", "reason", "state"]


@pytest.mark.parametrize("duty", ["intake", "delivery", "reader", "retention"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ownership SET phase = 'cloud_only'",
        "UPDATE ownership_period SET owner = 'tryton-emea'",
        "INSERT INTO pin VALUES ('emea', 'project:P-1', 'tryton-emea', '', '', '')",
        "SELECT move_pin('emea', 'project:P-1', 'tryton-emea', '2900', 'me', 'why not')",
        "SELECT establish_ownership('new', 'ledger', 'legacy_only', '2025-01', 'x', 'me', 'why not')",
        "SELECT freeze_region('00000000-0000-0000-0000-000000000000', 'me')",
        "SELECT switch_ownership('00000000-0000-0000-0000-000000000000', '', '{}', 'me')",
        "SELECT record_approval('00000000-0000-0000-0000-000000000000', 'migration_lead', '', '', 'me', '', now())",
        "SELECT close_reverse('emea', 'me', 'why not')",
        "SELECT hold_kinds('emea', '{}', true, 'why not', 'me')",
    ],
)
def test_ownership_is_out_of_reach_of_every_other_duty(store: Store, duty: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        store.connect(duty).execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ownership SET phase = 'cloud_only'",
        "DELETE FROM pin",
        "UPDATE ownership_period SET owner = 'x'",
        "UPDATE cutover SET verified_at = now()",
        "INSERT INTO cutover_approval SELECT cutover_id, 'migration_lead', '', evidence_hash, 'me', '', now() FROM cutover",
        "UPDATE lock_out SET read_back_at = now()",
    ],
)
def test_the_cutover_duty_moves_ownership_through_functions_alone(store: Store, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        store.connect("cutover").execute(statement.encode())


@pytest.mark.parametrize("table", ["audit", "audit_seal", "ownership_history"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_databases_owner_changes_what_was_written_down(store: Store, table: str, verb: str) -> None:
    store.accept(a_journal_entry())
    store.sql("INSERT INTO audit_seal VALUES ('emea', 1, 0, 9, 1, '', '', '')")
    column = {"audit": "actor", "audit_seal": "seal_no", "ownership_history": "reason"}[table]
    rows = store.one(f"SELECT count(*) FROM {table}")
    assert rows

    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        store.sql(verb.format(table, column, column))

    assert store.one(f"SELECT count(*) FROM {table}") == rows


# The first ownership


def test_the_first_ownership_is_written_once(store: Store) -> None:
    terms = {"region": "emea", "kind": "ledger", "phase": "cloud_only", "from_period": "2026-01", "by": "tests", "reason": "again"}

    assert store.ownership().establish(owner=CLOUD, **terms) is False
    assert (
        store.one("SELECT owner FROM ownership JOIN ownership_period USING (ownership_id) WHERE region = 'emea' AND kind = 'ledger'")
        == LEGACY
    )


def test_a_region_does_not_begin_in_the_middle_of_a_move(store: Store) -> None:
    terms = {"region": "new", "kind": "ledger", "from_period": "2026-01", "by": "tests", "reason": "new"}

    with pytest.raises(errors.CheckViolation):
        store.ownership().establish(owner=LEGACY, phase="frozen", **terms)


# Pins, by the rules P1 and P2


def move_pin(store: Store, erp: str | None = CLOUD) -> int:
    return store.ownership().move_pin(region="emea", routing_key=KEY, erp=erp, bridge_account="2900", by="jane", reason="long contract")


def refused(store: Store, erp: str | None = CLOUD) -> str:
    before = store.sql("SELECT * FROM ownership ORDER BY 1"), store.sql("SELECT * FROM pin")
    with pytest.raises(OwnershipConflictError) as caught:
        move_pin(store, erp)
    assert (store.sql("SELECT * FROM ownership ORDER BY 1"), store.sql("SELECT * FROM pin")) == before
    return caught.value.message


def test_a_pin_is_an_ownership_move_with_epoch_version_history_and_audit(store: Store) -> None:
    assert move_pin(store) == 1
    assert move_pin(store, None) == 2

    moved = store.sql("SELECT DISTINCT epoch, pin_version FROM ownership WHERE region = 'emea'")
    assert moved == [{"epoch": 3, "pin_version": 2}]
    assert store.sql("SELECT DISTINCT epoch FROM ownership WHERE region <> 'emea'") == [{"epoch": 1}]
    assert [row["action"] for row in store.sql("SELECT action FROM audit WHERE action LIKE 'pin%%' ORDER BY audit_id")] == [
        "pin_set",
        "pin_lifted",
    ]
    assert store.one("SELECT count(*) FROM ownership_history WHERE changed_by = 'jane'") == 8
    assert store.sql("SELECT * FROM pin") == []


@pytest.mark.parametrize("phase", ["frozen", "drained", "locked", "verified", "switched", "releasing"])
def test_no_pin_moves_while_a_cutover_is_under_way(store: Store, phase: str) -> None:
    store.sql("UPDATE ownership SET phase = %s WHERE region = 'emea' AND kind = 'billing'", phase)

    assert "a cutover of region emea is under way" in refused(store)


def test_no_pin_moves_while_a_cutover_is_active_in_an_open_phase(store: Store) -> None:
    store.sql("UPDATE ownership SET cutover_id = gen_random_uuid() WHERE region = 'emea' AND kind = 'ledger'")

    assert "a cutover of region emea is under way" in refused(store)


def begun(store: Store) -> Claim:
    store.known("customer", "C-1")
    store.accept(a_project("C-1", number="P-1"))
    return store.claim_one()


UNDER_WAY: dict[str, Callable[[Store], object]] = {
    "claimed": begun,
    "in doubt": lambda store: store.settlements().settle(begun(store), SettledInDoubt("silence", 0)),
    "dead and in doubt": lambda store: dead_in_doubt(store),
    "expired": lambda store: store.expire(begun(store)),
}


def dead_in_doubt(store: Store) -> None:
    store.expire(begun(store))
    store.settlements().settle(store.claim_one(), SettledDead(FailureClass.VALIDATION, "no"))


@pytest.mark.parametrize("what", UNDER_WAY)
def test_no_pin_moves_while_a_posting_of_the_entity_is_under_way(store: Store, what: str) -> None:
    UNDER_WAY[what](store)

    assert f"a posting of {KEY} is under way" in refused(store)


def test_what_waits_without_a_mark_does_not_hold_a_pin_up(store: Store) -> None:
    claim = begun(store)
    store.settlements().settle(claim, SettledRetry(FailureClass.TRANSIENT, "busy", 0, nothing_sent=True))

    move_pin(store)
    store.known("customer", "C-1", erp=CLOUD)

    assert store.claim(LEGACY) == []
    assert store.claim_one(CLOUD).posting_id == claim.posting_id


def test_no_pin_moves_to_an_erp_that_lacks_what_the_other_holds(store: Store) -> None:
    claim = begun(store)
    store.settle_posted(claim)

    assert "holds documents of project:P-1 that the other ERP lacks" in refused(store)

    store.sql(
        """INSERT INTO delivery SELECT accepted_on, posting_id, legal_entity, %s, 'candidate', seq, lane, 'posted', false, false
           , NULL, NULL, NULL, ownership_id, epoch, 1 FROM delivery""",
        CLOUD,
    )
    assert move_pin(store) == 1


def test_a_pin_to_the_erp_that_holds_everything_is_set(store: Store) -> None:
    store.settle_posted(begun(store))

    assert move_pin(store, LEGACY) == 1


def test_a_region_without_ownership_has_no_pins(store: Store) -> None:
    with pytest.raises(OwnershipConflictError):
        store.ownership().move_pin(region="mars", routing_key=KEY, erp=CLOUD, bridge_account="2900", by="jane", reason="why not")


# The schema itself


def test_a_second_migration_changes_nothing(store: Store) -> None:
    posting_ids = store.accept(a_journal_entry())

    migrate(store.cluster.dsn(store.database))

    assert store.state(posting_ids[0]) == "waiting"
    assert store.one("SELECT count(*) FROM alembic_version") == 1


def test_two_stores_live_on_one_server(store: Store) -> None:
    store.cluster.create_database("another_store")
    migrate(store.cluster.dsn("another_store"))

    with psycopg.connect(store.cluster.dsn("another_store")) as connection:
        assert connection.execute("SELECT count(*) FROM ownership").fetchone() == (0,)
    assert store.cluster.has_database(TEMPLATE)


def test_todays_rows_are_in_a_partition_of_their_month_and_the_next_ones_are_ready(store: Store) -> None:
    store.accept(a_journal_entry())
    store.claim_one()

    for table in ("posting", "delivery", "audit"):
        assert store.sql(f"SELECT DISTINCT tableoid::regclass::text = '{table}_' || to_char(now(), 'YYYY_MM') AS here FROM {table}") == [
            {"here": True}
        ]
        assert store.one(f"SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass") == 5


def test_partitions_are_made_ahead_once_by_the_delivery_duty(store: Store) -> None:
    connection = store.connect("delivery")

    assert connection.execute("SELECT make_month_partitions(5)").fetchone() == (6,)
    assert connection.execute("SELECT make_month_partitions(5)").fetchone() == (0,)
    with pytest.raises(errors.InsufficientPrivilege):
        store.connect("intake").execute("SELECT make_month_partitions(9)")


def test_a_month_that_began_without_a_partition_holds_up_no_other(store: Store) -> None:
    store.sql("INSERT INTO audit (recorded_on, region, actor, action) VALUES (now()::date + interval '5 months', 'emea', 'x', 'y')")

    assert store.one("SELECT make_month_partitions(6)") == 8


def test_a_month_without_a_partition_refuses_nothing(store: Store) -> None:
    store.accept(a_journal_entry())
    store.sql("CREATE TABLE kept AS SELECT * FROM posting")
    store.sql("UPDATE kept SET accepted_on = '2031-01-31'")

    store.sql("INSERT INTO posting SELECT * FROM kept")

    assert store.one("SELECT count(*) FROM posting_default") == 1
