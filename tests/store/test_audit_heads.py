"""Heads kept outside the store: whoever owns the database may write its history anew, seals and all, and is found by the first row."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hybrid_erp.adapters.audit_heads import HeadsFolder
from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.model.audit_heads import compressed, uncompressed
from hybrid_erp.model.errors import AuditTrailChangedError
from hybrid_erp.operations import audit_heads
from hybrid_erp.operations.audit_heads import Comparison, KeptNow, compare_heads, forgotten, keep_heads
from hybrid_erp.operations.evidence.keys import new_key, pem_of, private_key_of
from hybrid_erp.wiring.audit_heads import place_of
from hybrid_erp.wiring.cli import main
from sandbox.postgres import Cluster
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry
from tests.stores import CLOUD, Store, believe, store_of, wait_until

KEY = private_key_of(new_key())
RUNS_OFF = {"bridge_account": "2900", "by": "petra", "reason": "runs off"}
#: What the owner of a database can do that no role of ours can.
AS_OWNER = "SET session_replication_role = replica; "


@dataclass
class Outside:
    """A store, and the place in which its heads are kept."""

    store: Store
    place: HeadsFolder
    key: Ed25519PrivateKey = field(default=KEY, repr=False)

    def accept(self, *companies: str) -> None:
        """One event each, and everything sealed."""
        self.store.accept(*(a_journal_entry(company) for company in companies))
        self.seal()

    def seal(self) -> None:
        audit = PostgresAudit(self.store.connect("delivery"))
        not_sealed = """
            SELECT count(*) FROM audit a WHERE xid >= coalesce((SELECT max(to_xid) FROM audit_seal s WHERE s.region = a.region), 0)
        """

        def sealed() -> bool:
            audit.seal()
            return bool(self.store.one(not_sealed) == 0)

        wait_until(sealed)

    def keep(self) -> KeptNow:
        return keep_heads(self.trail, self.place, self.key)

    def compare(self, *, since: int = 1) -> Comparison:
        return compare_heads(self.trail, self.place, [self.key.public_key()], since=since)

    @property
    def trail(self) -> PostgresAudit:
        return PostgresAudit(self.store.connect("reader"))

    def rows(self, region: str = "emea") -> list[int]:
        rows = self.store.sql("SELECT audit_id FROM audit WHERE region = %s ORDER BY xid, audit_id", region)
        return [row["audit_id"] for row in rows]

    def seal_anew(self, region: str = "emea") -> None:
        """Throw a region's seals away and make them again, as somebody who rewrites history has to."""
        self.store.sql(AS_OWNER + f"DELETE FROM audit_seal WHERE region = '{region}'")
        self.seal()


@pytest.fixture
def outside(store: Store, tmp_path: Path) -> Outside:
    """Three files kept, of two regions."""
    outside = Outside(store, HeadsFolder(tmp_path / "heads"))
    for companies in (("DE01", "US01"), ("DE01",), ("UK01", "US01")):
        outside.accept(*companies)
        assert outside.keep().files == 1
    return outside


def test_what_was_not_changed_fits_and_is_kept_once(outside: Outside) -> None:
    assert outside.keep() == KeptNow(0, 0)

    compared = outside.compare()

    assert compared.findings == []
    assert compared.told[0] == f"3 files, {outside.store.one('SELECT count(*) FROM audit_seal')} seals over " + (
        f"{outside.store.one('SELECT count(*) FROM audit')} rows were held against the store."
    )


def test_a_file_holds_ids_and_hashes_and_no_word_of_a_row(outside: Outside) -> None:
    text = gzip.decompress(outside.place.read(1)).decode()

    assert "tests" not in text
    assert "accepted" not in text


def test_what_is_sealed_later_is_told_to_be_not_kept_yet(outside: Outside) -> None:
    outside.accept("DE01")

    compared = outside.compare()

    assert compared.findings == []
    assert "emea: kept up to seal 3; 1 seals are not kept yet." in compared.told


# History written anew, and sealed again from its beginning


@pytest.mark.parametrize("anew", [True, False])
def test_a_row_that_was_rewritten_is_named(outside: Outside, anew: bool) -> None:
    second = outside.rows()[-2]
    outside.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {second}")
    if anew:
        outside.seal_anew()

    (finding,) = outside.compare().findings

    assert re.match(rf"region emea, seal \d: row {second} \(accepted by nobody, .*\) was changed; it was kept in file \d of 20", finding)


def test_a_row_that_was_taken_out_is_named(outside: Outside) -> None:
    second = outside.rows()[-2]
    outside.store.sql(AS_OWNER + f"DELETE FROM audit WHERE audit_id = {second}")
    outside.seal_anew()

    (finding,) = outside.compare().findings

    assert f"row {second} is gone" in finding


def test_a_row_that_was_put_in_between_is_named(outside: Outside) -> None:
    second = outside.rows()[-2]
    put_in = outside.store.one(
        f"INSERT INTO audit (region, actor, action, xid) SELECT region, 'mallory', 'accepted', xid - 1 FROM audit "
        f"WHERE audit_id = {second} RETURNING audit_id"
    )
    outside.seal_anew()

    (finding,) = outside.compare().findings

    assert f"row {put_in} (accepted by mallory" in finding
    assert "was added" in finding


def test_a_trail_that_was_cut_is_found_by_the_first_row_that_is_gone(outside: Outside) -> None:
    *_, second, _ = rows = outside.rows()
    outside.store.sql(AS_OWNER + f"DELETE FROM audit WHERE region = 'emea' AND audit_id >= {second}")
    outside.seal_anew()
    outside.accept("DE01")  # it goes on as if nothing had been

    (finding,) = outside.compare().findings

    assert f"row {second} is gone" in finding
    assert len(rows) > 2


def test_a_region_of_which_everything_is_gone_is_found(outside: Outside) -> None:
    first = outside.rows()[0]
    outside.store.sql(AS_OWNER + "DELETE FROM audit WHERE region = 'emea'; DELETE FROM audit_seal WHERE region = 'emea'")

    (finding,) = outside.compare().findings

    assert f"seal 1: row {first} is gone" in finding


def test_seals_that_were_made_anew_over_the_same_rows_are_found(outside: Outside) -> None:
    outside.seal_anew()

    (finding,) = outside.compare().findings

    assert "region emea, seal 1: every row is there up to here, but the seal is gone or was made anew" in finding


# What keeps: it does not go on over a change


def test_nothing_is_kept_of_a_region_that_was_rewritten_and_everything_of_others(outside: Outside) -> None:
    outside.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {outside.rows()[0]}")
    outside.seal_anew()
    outside.accept("US01", "DE01")

    with pytest.raises(AuditTrailChangedError, match=r"Region emea: the store does not hold seal 3 as it was kept"):
        outside.keep()

    assert "amer: kept up to seal 3; 0 seals are not kept yet." in outside.compare().told


def test_a_row_that_was_changed_after_it_was_sealed_is_not_kept_as_it_is(outside: Outside) -> None:
    outside.accept("DE01")
    outside.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {outside.rows()[-1]}")

    with pytest.raises(AuditTrailChangedError, match=r"Region emea, seal 4: its rows are not those that were sealed"):
        outside.keep()


def test_a_seal_that_does_not_follow_what_was_kept_is_not_kept(outside: Outside) -> None:
    outside.accept("DE01")
    outside.store.sql(AS_OWNER + "UPDATE audit_seal SET previous_hash = rows_hash WHERE region = 'emea' AND seal_no = 4")

    with pytest.raises(AuditTrailChangedError, match=r"Region emea, seal 4: it does not follow seal 3"):
        outside.keep()


def test_a_store_that_is_not_believed_keeps_nothing(outside: Outside) -> None:
    outside.accept("DE01")
    outside.store.sql("UPDATE store_trust SET identity = 'another'")

    assert outside.keep() == KeptNow(0, 0)


def test_two_at_once_never_write_the_same_file(outside: Outside) -> None:
    outside.accept("DE01")
    with outside.trail.keeping() as alone:
        assert alone
        assert outside.keep() == KeptNow(0, 0)
    assert outside.keep() == KeptNow(1, 1)


def test_many_rows_go_into_several_files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_heads, "ROWS_OF_A_FILE", 1)
    outside = Outside(store, HeadsFolder(tmp_path))
    for _ in range(3):
        outside.accept("DE01")

    kept = outside.keep()

    assert kept.files == kept.seals > 3
    assert outside.compare().findings == []


# What is kept


def test_a_file_that_is_missing_is_named(outside: Outside, tmp_path: Path) -> None:
    (tmp_path / "heads/000000/000000002.jsonl.gz").unlink()

    assert "files 2 to 2 of the kept heads are missing or unreadable" in outside.compare().findings


def test_a_file_that_was_changed_or_made_by_somebody_else_is_named(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "heads/000000/000000002.jsonl.gz"
    text, signature = uncompressed(path.read_bytes())
    path.write_bytes(compressed(text.replace(b'"row_count": 1', b'"row_count": 2'), signature))
    assert "file 2 is not as it was signed" in outside.compare().findings

    other = private_key_of(new_key())
    path.write_bytes(compressed(text, other.sign(text)))
    assert "file 2 is not as it was signed" in outside.compare().findings

    path.write_bytes(b"")
    assert "file 2 of the kept heads cannot be read: it is cut, or no gzip file" in outside.compare().findings


def test_a_file_that_was_exchanged_for_another_that_is_signed_too_is_named(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "heads/000000/000000002.jsonl.gz"
    text = uncompressed(path.read_bytes())[0].replace(b'"kept_at": "20', b'"kept_at": "19')
    path.write_bytes(compressed(text, KEY.sign(text)))

    assert outside.compare().findings == ["file 3 does not follow file 2 as it is now"]


def test_nothing_is_kept_after_a_file_that_is_not_ours(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "heads/000000/000000003.jsonl.gz"
    text, signature = uncompressed(path.read_bytes())
    path.write_bytes(compressed(text.replace(b'"row_count": 1', b'"row_count": 2'), signature))

    with pytest.raises(AuditTrailChangedError, match="File 3 of the kept heads is not as it was signed"):
        outside.keep()


def test_a_rotated_key_goes_on_and_both_public_keys_verify(outside: Outside) -> None:
    outside.key = private_key_of(new_key())
    outside.accept("DE01")
    assert outside.keep() == KeptNow(1, 1)

    assert compare_heads(outside.trail, outside.place, [KEY.public_key(), outside.key.public_key()]).findings == []
    assert "which is none of those given" in outside.compare().findings[0]


def test_it_can_begin_with_a_later_file(outside: Outside) -> None:
    outside.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {outside.rows()[0]}")

    compared = outside.compare(since=2)

    assert compared.findings == []
    assert compared.told[0].startswith("2 files")


def test_a_place_that_has_nothing_is_a_finding(outside: Outside, tmp_path: Path) -> None:
    nowhere = HeadsFolder(tmp_path / "nowhere")

    assert compare_heads(outside.trail, nowhere, [KEY.public_key()]).findings == ["no file is kept from number 1 on"]


# After a restore


@pytest.fixture
def restored(store_cluster: Cluster, outside: Outside) -> Iterator[Outside]:
    """A store that has forgotten what came after its backup; that was sealed, and kept."""
    backup = f"{outside.store.database}_backup"
    outside.store.stack.close()
    store_cluster.create_database(backup, template=outside.store.database)
    outside.accept("DE01", "US01")
    outside.store.ownership().move_pin(region="emea", routing_key="project:P-1", erp=CLOUD, **RUNS_OFF)
    outside.seal()
    outside.keep()
    outside.store.stack.close()
    believe(store_cluster, backup)
    with store_of(store_cluster, backup) as store:
        yield Outside(store, outside.place)
    store_cluster.drop_database(backup)


def test_what_a_restore_has_forgotten_is_told_at_once(restored: Outside) -> None:
    told = forgotten(restored.trail, restored.place, KEY)

    assert [re.sub(" by 20.*,", ",", line) for line in told.heads] == [
        "region amer: seal 3 was kept outside, and this store does not hold it",
        "region emea: seal 5 was kept outside, and this store does not hold it",
    ]
    (moved,) = told.ownership
    assert re.match(rf"the pin of project:P-1 of region emea was {CLOUD} at 20.*, and this store says nobody", moved)


def test_keeping_goes_on_from_what_both_have_and_the_rest_stays_a_finding(restored: Outside) -> None:
    restored.accept("DE01")

    assert restored.keep() == KeptNow(1, 1)

    first, second = restored.compare().findings
    assert re.match(r"region amer: seals 3 to 3 were forgotten before 20.*, when the store became ", first)
    assert re.match(r"region emea: seals 4 to 5 were forgotten before 20.*; row \d+ is gone; it was kept in file 4", second)
    assert restored.compare(since=5).findings == []


def test_rewriting_what_was_kept_after_a_restore_is_found_all_the_same(restored: Outside) -> None:
    restored.accept("DE01")
    restored.keep()
    last = restored.rows()[-1]
    restored.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {last}")

    assert f"row {last} (accepted by nobody" in restored.compare(since=5).findings[0]


def test_a_move_after_the_last_file_is_nothing_forgotten(outside: Outside) -> None:
    outside.store.ownership().move_pin(region="emea", routing_key="project:P-1", erp=CLOUD, **RUNS_OFF)

    told = forgotten(outside.trail, outside.place, KEY)

    assert (told.heads, told.ownership) == ([], [])


# Where it is kept, and the command


def test_object_storage_holds_what_a_folder_does(store: Store) -> None:
    outside = Outside(store, place_of(f"memory://audit-{uuid4().hex}/heads"))
    assert outside.compare().findings == ["no file is kept from number 1 on"]
    for _ in range(2):
        outside.accept("DE01")
        assert outside.keep().files == 1

    assert list(outside.place.numbers()) == [1, 2]
    assert outside.compare().findings == []
    with pytest.raises(FileExistsError):
        outside.place.write(2, b"")


def test_the_newest_is_found_beyond_a_thousand_files(tmp_path: Path) -> None:
    place = HeadsFolder(tmp_path)
    for number in (7, 999, 1000, 2001):
        place.write(number, b"")

    assert place.newest() == 2001
    assert list(place.numbers()) == [7, 999, 1000, 2001]


def test_one_command_holds_the_store_against_what_was_kept(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYBRID_ERP_STORE_DSN", outside.store.cluster.dsn(outside.store.database, login_of("reader")))
    (tmp_path / "key.pem").write_text(pem_of(KEY.public_key()))
    command = ["audit-heads", str(tmp_path / "heads"), "--public-key", str(tmp_path / "key.pem")]

    assert main(command) == 0
    assert "The store holds all that was kept of it." in capsys.readouterr().out

    outside.store.sql(AS_OWNER + f"UPDATE audit SET actor = 'nobody' WHERE audit_id = {outside.rows()[0]}")
    assert main(command) == 1
    assert "call whoever answers for the audit trail" in capsys.readouterr().out


def test_the_task_keeps_where_the_connection_says(outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hybrid_erp.wiring.audit_heads import keep_heads_outside

    cluster = outside.store.cluster
    reader = f"postgres://{login_of('reader')}@127.0.0.1:{cluster.port}/{outside.store.database}"
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_READER", reader)
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_EVIDENCE_KEY", json.dumps({"conn_type": "generic", "password": new_key()}))
    assert keep_heads_outside() == {}

    place = {"conn_type": "fs", "extra": {"path": str(tmp_path / "elsewhere")}}
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_AUDIT_HEADS", json.dumps(place))
    assert keep_heads_outside()["files"] == 1
    assert HeadsFolder(tmp_path / "elsewhere").newest() == 1
