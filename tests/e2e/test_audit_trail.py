"""`watch` seals the audit trail; an export of it is verified without the store, and a changed byte is found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hybrid_erp.wiring.cli import main
from sandbox.store_setup import DATABASE, login_of
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import ThroughAirflow, wait_for

CHANGES = 150


@pytest.fixture
def export(airflow: ThroughAirflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """An export whose every row is sealed."""
    ids = airflow.accept(*(a_journal_entry(company) for company in ("DE01", "AU01", "US01")))
    airflow.wait_until_settled(ids)
    file = tmp_path / "audit.jsonl"

    def sealed() -> bool:
        _, state = airflow.run("watch")
        assert state == "success"
        assert main(["audit-export", "--dsn", airflow.site.cluster.dsn(DATABASE, login_of("reader"))]) == 0
        file.write_text(capsys.readouterr().out)
        assert main(["audit-verify", str(file)]) == 0
        return capsys.readouterr().out.count(" 0 rows not sealed yet") == 3

    wait_for(sealed, "every row to be sealed")
    return file


@pytest.mark.usefixtures("export")
def test_what_was_sealed_is_kept_outside_the_store_by_the_same_run(airflow: ThroughAirflow, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["audit-heads", str(airflow.site.folder / "audit-heads"), "--public-key", str(airflow.site.public_key)]

    assert main([*command, "--dsn", airflow.site.cluster.dsn(DATABASE, login_of("reader"))]) == 0
    assert capsys.readouterr().out.count("; 0 seals are not kept yet.") == 3


def test_a_sealed_trail_is_whole_and_any_changed_byte_is_found(
    airflow: ThroughAirflow, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, rng = export.read_bytes(), random.Random(20261120)
    for place in rng.sample([place for place, byte in enumerate(whole) if chr(byte).isalnum()], CHANGES):
        other = rng.choice([byte for byte in b"0123456789xyz" if byte != whole[place]])
        export.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])

        assert main(["audit-verify", str(export)]) == 1, f"byte {place}: {whole[place - 40 : place + 20]!r}"
    assert "call whoever answers for the audit trail" in capsys.readouterr().out
