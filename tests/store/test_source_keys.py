"""Keys of upstream systems in the store: who may do what with them, and what the audit trail says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from hybrid_erp.adapters.store.callers import PostgresCallers
from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from hybrid_erp.model.errors import SourceKeyError
from hybrid_erp.model.source_key import SourceKey
from tests.stores import Store


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def keys(store: Store) -> PostgresSourceKeys:
    return PostgresSourceKeys(store.connect("cutover"))


def issued(keys: PostgresSourceKeys, source: str = "billing", days: float = 30) -> SourceKey:
    return keys.issue(source, expires_at=in_days(days), by="lead", reason="goes live")


def state_of(store: Store, key: SourceKey) -> str:
    known = PostgresCallers(store.pool("intake")).key(key.key_id)
    assert known is not None
    return known.state


def test_an_issued_key_is_valid_and_only_its_hash_is_stored(store: Store, keys: PostgresSourceKeys) -> None:
    key = issued(keys)

    assert state_of(store, key) == "valid"
    row = store.one("SELECT source_key::text FROM source_key")
    assert key.secret not in row
    assert key.secret_hash.hex() in row
    (entry,) = keys.keys()
    assert (entry.key_id, entry.source, entry.issued_by, entry.state) == (key.key_id, "billing", "lead", "valid")


def test_a_rotated_key_goes_on_for_the_overlap_and_no_longer(store: Store, keys: PostgresSourceKeys) -> None:
    old = issued(keys)

    new = keys.rotate(old.key_id, expires_at=in_days(60), overlap_seconds=3600, by="lead", reason="yearly")

    assert (state_of(store, old), state_of(store, new)) == ("valid", "valid")
    ends_in = store.one("SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM source_key WHERE key_id = %s", old.key_id)
    assert 3500 < ends_in <= 3600
    assert store.one("SELECT replaces FROM source_key WHERE key_id = %s", new.key_id) == old.key_id


def test_a_rotation_without_overlap_ends_the_old_key_at_once(store: Store, keys: PostgresSourceKeys) -> None:
    old = issued(keys)

    keys.rotate(old.key_id, expires_at=in_days(60), overlap_seconds=0, by="lead", reason="leaked")

    assert state_of(store, old) == "expired"


def test_a_rotation_never_prolongs_the_old_key(store: Store, keys: PostgresSourceKeys) -> None:
    old = issued(keys, days=0.01)
    ends = store.one("SELECT expires_at FROM source_key")

    keys.rotate(old.key_id, expires_at=in_days(60), overlap_seconds=86_400, by="lead", reason="yearly")

    assert store.one("SELECT expires_at FROM source_key WHERE key_id = %s", old.key_id) == ends


def test_a_revoked_key_stays_revoked_and_cannot_be_rotated(store: Store, keys: PostgresSourceKeys) -> None:
    key = issued(keys)

    assert keys.revoke(key.key_id, by="lead", reason="leaked")
    assert not keys.revoke(key.key_id, by="lead", reason="leaked")
    assert state_of(store, key) == "revoked"
    with pytest.raises(SourceKeyError, match="revoked"):
        keys.rotate(key.key_id, expires_at=in_days(60), overlap_seconds=60, by="lead", reason="again")


def test_a_key_that_is_not_there_is_told_so(keys: PostgresSourceKeys) -> None:
    with pytest.raises(SourceKeyError, match="there is no key"):
        keys.revoke("abcabcabcabc", by="lead", reason="leaked")


@pytest.mark.parametrize("days", [-1, 735])
def test_a_key_ends_within_two_years(keys: PostgresSourceKeys, days: int) -> None:
    with pytest.raises(SourceKeyError, match="two years"):
        issued(keys, days=days)


def test_a_source_has_eight_keys_at_most(keys: PostgresSourceKeys) -> None:
    first, *_ = [issued(keys) for _ in range(8)]

    with pytest.raises(SourceKeyError, match="eight"):
        issued(keys)
    keys.revoke(first.key_id, by="lead", reason="tidy")
    assert issued(keys)


def test_every_act_is_in_the_audit_trail_without_a_secret(store: Store, keys: PostgresSourceKeys) -> None:
    old = issued(keys)
    new = keys.rotate(old.key_id, expires_at=in_days(60), overlap_seconds=60, by="lead", reason="yearly")
    keys.revoke(new.key_id, by="controller", reason="leaked")

    shown = "actor, action, details->>'key_id' AS key_id, details->>'reason' AS reason"
    rows = store.sql(f"SELECT {shown} FROM audit WHERE region = '_firm' ORDER BY audit_id")

    assert [tuple(row.values()) for row in rows] == [
        ("lead", "source_key_issued", old.key_id, "goes live"),
        ("lead", "source_key_issued", new.key_id, "yearly"),
        ("lead", "source_key_rotated", old.key_id, "yearly"),
        ("controller", "source_key_revoked", new.key_id, "leaked"),
    ]
    trail = store.one("SELECT string_agg(audit::text, '') FROM audit")
    for secret in (old.secret, new.secret, old.secret_hash.hex(), new.secret_hash.hex()):
        assert secret not in trail


@pytest.mark.parametrize("duty", ["reader", "cutover", "delivery"])
def test_intake_alone_reads_the_hashes(store: Store, duty: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store.connect(duty).execute("SELECT secret_hash FROM source_key")


@pytest.mark.parametrize("duty", ["intake", "reader", "delivery", "capture"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT issue_source_key('abcabcabcabc', 'billing', sha256('x'), NULL, clock_timestamp() + interval '1 day', 'me', 'mine')",
        "SELECT revoke_source_key('abcabcabcabc', 'me', 'mine')",
        "INSERT INTO source_key (key_id, source, secret_hash, issued_by, not_before, expires_at) "
        "VALUES ('abcabcabcabc', 'billing', sha256('x'), 'me', now(), now())",
        "UPDATE source_key SET expires_at = 'infinity'",
        "UPDATE source_key SET secret_hash = sha256('x')",
        "UPDATE source_key SET revoked_at = NULL, revoked_by = NULL",
        "DELETE FROM source_key",
    ],
)
def test_nobody_but_the_cutover_role_makes_or_changes_a_key(store: Store, duty: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store.connect(duty).execute(statement.encode())


def test_the_day_of_its_last_use_is_noted_once_a_day(store: Store, keys: PostgresSourceKeys) -> None:
    key, callers = issued(keys), PostgresCallers(store.pool("intake"))
    before = callers.key(key.key_id)
    callers.used(key.key_id)
    after = callers.key(key.key_id)

    assert before is not None
    assert after is not None
    assert (before.first_of_its_day, after.first_of_its_day) == (True, False)
    assert store.one("SELECT last_used_on FROM source_key") == datetime.now(UTC).date()
