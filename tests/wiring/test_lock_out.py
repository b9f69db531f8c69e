"""A lock-out is made from the configuration and the Airflow Connection of the custodian."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.lock_out import rights_to_take
from hybrid_erp.model.ownership import OWNED_KINDS
from hybrid_erp.wiring.connectors import DIALECTS, LOCK_OUTS, lock_out
from sandbox.site import Site
from sandbox.tryton.server import REQUEST_SECONDS_MAX
from tests.builders import CONFIG, the_settings


@pytest.fixture
def connections(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_ERP_CONFIG", str(CONFIG))
    for name, content in site.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content, default=str))


def test_every_dialect_says_how_it_locks_out() -> None:
    assert set(LOCK_OUTS) == set(DIALECTS)


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize("erp", ["ledgersmb-emea", "tryton-emea"])
def test_the_custodian_sees_who_may_post_and_which_of_them_are_ours(erp: str) -> None:
    with closing(lock_out(the_settings(), erp, "DE01")) as made:
        state = made.state()

    to_take = {right.login for right in rights_to_take(state, OWNED_KINDS, [])}
    assert state.ours[Role.CONTROL] in to_take
    assert not {state.ours[Role.CANDIDATE], state.ours[Role.RUN_OFF]} & to_take


def test_over_http_there_is_none_without_the_longest_time_of_a_request() -> None:
    settings = the_settings()
    erp = settings.erps["tryton-emea"].model_copy(update={"request_seconds_max": None})

    with pytest.raises(ConfigurationError, match="No lock-out available: tryton-emea states no request_seconds_max"):
        lock_out(replace(settings, erps={"tryton-emea": erp}), "tryton-emea", "DE01")


def test_the_sandboxs_server_keeps_the_limit_that_the_configuration_states() -> None:
    for erp in (each for each in the_settings().erps.values() if each.dialect == "tryton"):
        assert erp.request_seconds_max == REQUEST_SECONDS_MAX
        assert (erp.look_up_horizon_seconds or 0) >= 2 * REQUEST_SECONDS_MAX
