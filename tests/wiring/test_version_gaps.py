"""What a source says of its versions reaches the intake that waits for them, and the watch that takes them to the desk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_erp.wiring.configuration import FOLDER_VARIABLE, settings
from hybrid_erp.wiring.facade import StoreSide
from hybrid_erp.wiring.store_terms import terms_from_environment
from hybrid_erp.wiring.watching import keep_store
from tests.builders import CONFIG, a_customer
from tests.stores import Store


@pytest.fixture(autouse=True)
def one_source_has_no_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    sources = folder / "sources.yaml"
    sources.write_text(sources.read_text().replace("description: Customers", "description: Customers\n    version_gap_seconds: 3600"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_only_a_source_without_gaps_waits_and_the_watch_takes_it_to_the_desk(store: Store) -> None:
    side = StoreSide(terms_from_environment)
    ids = {}
    for source in ("crm", "other"):
        event = a_customer() | {"source": source}
        events = [event | {"id": f"{source}-{number}", "data": {**event["data"], "version": number}} for number in (1, 3)]
        answers = side.facade.intake.accept(events, accepted_by="tests")
        ids[source] = answers[1].posting_id
    store.sql("UPDATE posting SET accepted_at = accepted_at - interval '2 hours'")

    assert keep_store()["gaps"] == 1

    assert [store.one("SELECT DISTINCT state FROM outbox WHERE posting_id = %s", ids[each]) for each in ids] == ["dead_lettered", "waiting"]
