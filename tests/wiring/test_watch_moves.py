"""What `watch_moves` does each minute, as its task calls it; the ERP's rights are those of the contract-tested fake."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hybrid_erp.model.errors import LockOutUndoneError
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.settings import load_settings
from hybrid_erp.wiring import moves
from tests.builders import CONFIG, the_settings
from tests.fake_lock_out import BOOKKEEPER, OURS, FakeErpRights, FakeLockOut, everybodys_rights
from tests.store.cutovers import ENTITIES, Move, dual_run
from tests.stores import Store

RIGHT = PostingRight(BOOKKEEPER, f"posts_{PostingKind.LEDGER}", PostingKind.LEDGER)


def held(store: Store) -> list[str]:
    return [row["kind"] for row in store.sql("SELECT kind FROM ownership WHERE region = 'emea' AND held_at IS NOT NULL")]


def locked_out() -> FakeErpRights:
    left = {right for right in everybodys_rights() if right.login in OURS.values() and right.login != "control"}
    return FakeErpRights(rights=left)


def test_a_kind_is_held_while_somebody_may_post_it_and_let_go_when_the_erp_says_otherwise(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dual_run(store)
    companies = {entity: locked_out() for entity in ENTITIES}
    monkeypatch.setattr(moves, "lock_out", lambda settings, erp, legal_entity: FakeLockOut(companies[legal_entity]))
    Move(store).opened()
    assert moves.watch_moves() == {"released": 0, "late": 0}
    assert held(store) == []

    companies["UK01"].rights.add(RIGHT)
    with pytest.raises(LockOutUndoneError, match="UK01 at ledgersmb-emea should be locked out, and lets bookkeeper post"):
        moves.watch_moves()
    assert held(store) == ["ledger"]

    companies["UK01"].down = True
    moves.watch_moves()
    assert held(store) == ["ledger"]

    spoilt = tmp_path / "config"
    shutil.copytree(CONFIG, spoilt)
    (spoilt / "regions" / "emea.yaml").write_text("region: [emea")
    monkeypatch.setattr(moves, "settings", lambda: load_settings(spoilt))
    moves.watch_moves()
    assert held(store) == ["ledger"]
    monkeypatch.setattr(moves, "settings", the_settings)

    companies["UK01"].down = False
    companies["UK01"].rights.discard(RIGHT)
    moves.watch_moves()
    assert held(store) == []
