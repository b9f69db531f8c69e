"""What a lead fills in is complete and possible, or refused with field, reason and remedy."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid_erp.model.cutover import CutoverRequest, Direction, Mode
from hybrid_erp.model.errors import CutoverRefusedError
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from hybrid_erp.settings import Settings, load_settings
from hybrid_erp.wiring.cutover_request import cutover_request
from tests.builders import CONFIG, the_settings

TODAY = date(2026, 11, 27)
LIVE = {"mode": "live", "reason": "it is time", "ticket": "CHG-1"}
SETTINGS = the_settings()


def asked(conf: dict[str, Any], region: str = "emea", direction: Direction = Direction.CUTOVER, configured: Settings = SETTINGS) -> Any:
    return cutover_request(configured, region, direction, conf, run="run-1", requested_by="lena", today=TODAY)


def refusal(conf: dict[str, Any], region: str = "emea", configured: Settings = SETTINGS) -> str:
    with pytest.raises(CutoverRefusedError) as refused:
        asked(conf, region, configured=configured)
    return str(refused.value)


def changed(folder: Path, file: str, change: Any) -> Settings:
    """The configuration with one file changed."""
    shutil.copytree(CONFIG, folder / "config")
    path = folder / "config" / file
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    return load_settings(folder / "config")


def test_nothing_filled_in_is_a_dry_run_of_every_kind_from_the_present_period() -> None:
    assert asked({}) == CutoverRequest(
        region="emea",
        direction=Direction.CUTOVER,
        mode=Mode.DRY_RUN,
        kinds=OWNED_KINDS,
        legal_entities=("DE01", "UK01"),
        from_period="2026-11",
        old_owner="ledgersmb-emea",
        new_owner="tryton-emea",
        run="run-1",
        requested_by="lena",
        reason="",
        ticket="",
    )


def test_a_rollback_goes_the_other_way() -> None:
    back = asked(LIVE, direction=Direction.ROLLBACK)

    assert (back.old_owner, back.new_owner, back.mode) == ("tryton-emea", "ledgersmb-emea", Mode.LIVE)


def test_kinds_keep_one_order_and_are_named_once() -> None:
    assert asked({"kinds": ["ledger", "billing", "ledger"]}).kinds == (PostingKind.BILLING, PostingKind.LEDGER)


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        ({"knds": ["ledger"]}, "knds: there is no such field; known are mode, kinds, from_period, reason, ticket, override_blackout"),
        (LIVE | {"reason": None}, "reason: at least three letters are needed"),
        (LIVE | {"override_blackout": "no"}, "override_blackout: at least three letters are needed"),
        ({"mode": "now"}, "mode: Input should be 'dry_run', 'rehearsal' or 'live'"),
        ({"kinds": ["payroll"]}, "kinds.0: Input should be 'project', 'billing', 'ledger'"),
        ({"kinds": []}, "kinds: nothing is chosen"),
        ({"kinds": ["reference"]}, "kinds: reference is not of the plan of emea, which moves billing, ledger, project"),
        ({"kinds": ["project", "billing"]}, "kinds: billing and ledger move together"),
        ({"from_period": "2026-13"}, "from_period: '2026-13' is no accounting period"),
        ({"from_period": "2025-12"}, "from_period: 2025-12 of DE01, UK01 is closed (through 2025-12)"),
        ({"from_period": "2027-01"}, "from_period: 2027-01 is too far ahead. Choose 2026-12 at the latest"),
        ({**LIVE, "reason": " x "}, "reason: at least three letters"),
        ({**LIVE, "ticket": " "}, "ticket: the number"),
        ({"mode": "rehearsal", "reason": "to try it"}, "ticket: the number"),
    ],
)
def test_what_does_not_fit_is_refused_with_field_reason_and_remedy(conf: dict[str, Any], told: str) -> None:
    said = refusal(conf)

    assert told in said
    assert said.endswith(f"[cutover-refused] {CutoverRefusedError.remedy}")


def test_the_next_period_may_be_chosen() -> None:
    assert asked({"from_period": "2026-12"}).from_period == "2026-12"


def test_kinds_may_be_split_over_a_bridge(tmp_path: Path) -> None:
    configured = changed(tmp_path, "regions/emea.yaml", lambda region: region["plan"].update(bridge_account="2900"))

    assert asked({"kinds": ["ledger"]}, configured=configured).kinds == (PostingKind.LEDGER,)


def test_an_unknown_region_is_refused() -> None:
    assert "region: There is no region mars; known are amer, apac, emea" in refusal({}, "mars")


def test_a_region_without_a_plan_is_refused(tmp_path: Path) -> None:
    configured = changed(tmp_path, "regions/emea.yaml", lambda region: region.pop("plan"))
    assert "region: Region emea has no plan in order" in refusal({}, configured=configured)


def test_a_region_whose_plan_has_no_cutover_is_refused(tmp_path: Path) -> None:
    configured = changed(tmp_path, "regions/emea.yaml", lambda region: region["plan"].pop("cutover"))
    assert "region: the plan of emea has no section `cutover`" in refusal({}, configured=configured)


def test_a_region_with_a_disabled_erp_is_refused_with_what_disables_it(tmp_path: Path) -> None:
    configured = changed(tmp_path, "erps.yaml", lambda erps: erps["erps"]["tryton-emea"].update(slots=0))
    assert "region: tryton-emea of emea is disabled: config/erps.yaml: erps.tryton-emea.slots" in refusal({}, configured=configured)
