"""A preflight put together: every check answers on a real store, also where no ERP and no Airflow can be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hybrid_erp.model.cutover import CheckResult, CutoverRequest, Direction, Mode, Verdict, Versions
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.ownership import period_of
from hybrid_erp.operations.preflight.run import evidence_hash, evidence_of
from hybrid_erp.wiring.cutover_request import cutover_request
from hybrid_erp.wiring.preflight import preflight, subject
from sandbox.postgres import HOST
from sandbox.store_setup import login_of
from tests.builders import the_settings
from tests.store.cutovers import dual_run
from tests.stores import CLOUD, LEGACY, Store

SETTINGS = the_settings()
VERSIONS = Versions(SETTINGS.fingerprint, {erp: SETTINGS.mappings[erp].version for erp in (LEGACY, CLOUD)}, "1", "0.1.0")
NEEDS_AN_ERP = {"mappings_complete", "periods_open", "credentials", "candidate_quiet", "lock_out_possible", "way_back"}


@pytest.fixture
def request_of_the_region(store: Store, monkeypatch: pytest.MonkeyPatch) -> CutoverRequest:
    url = f"postgres://{login_of('cutover')}@{HOST}:{store.cluster.port}/{store.database}"
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_CUTOVER", url)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "lena:op,lead:op,controller:user,controller-uk:user")
    dual_run(store)
    return cutover_request(SETTINGS, "emea", Direction.CUTOVER, {}, run="run-1", requested_by="lena")


def asked(request: CutoverRequest) -> dict[str, CheckResult]:
    return {each.name: each for each in preflight(request, VERSIONS)}


def test_what_cannot_be_asked_is_an_answer_and_the_rest_is_asked_all_the_same(request_of_the_region: CutoverRequest) -> None:
    found = asked(request_of_the_region)

    assert {name for name, each in found.items() if each.verdict is Verdict.FAIL} == NEEDS_AN_ERP | {"reconciliation_passed"}
    assert "ledgersmb_de01" in found["periods_open"].found or "tryton_de01" in found["periods_open"].found
    assert found["airflow_pools"].verdict is Verdict.WARN
    assert "no standby" in found["store_fit"].found
    assert found["no_other_cutover"].verdict is Verdict.PASS
    assert all(each.remedy for each in found.values() if each.verdict is not Verdict.PASS)


def test_asked_twice_the_same_facts_have_one_hash(request_of_the_region: CutoverRequest) -> None:
    first, second = (
        evidence_hash(evidence_of(request_of_the_region, preflight(request_of_the_region, VERSIONS), VERSIONS)) for _ in range(2)
    )

    assert first == second


def test_a_request_for_another_owner_is_refused(request_of_the_region: CutoverRequest) -> None:
    with pytest.raises(ConfigurationError, match=r"sap-emea of region emea is disabled"):
        subject(SETTINGS, replace(request_of_the_region, new_owner="sap-emea"), VERSIONS)


def test_the_subject_is_of_this_moment_and_knows_the_whole_firm(request_of_the_region: CutoverRequest) -> None:
    about = subject(SETTINGS, replace(request_of_the_region, mode=Mode.LIVE), VERSIONS)

    assert about.periods == (period_of(datetime.now(UTC).date()),)
    assert about.firm_entities == ("AU01", "CA01", "DE01", "SG01", "UK01", "US01")
    assert set(about.mappings) == {LEGACY, CLOUD}
