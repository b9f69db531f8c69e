"""Airflow's pools: two for each ERP, one for what it owns and one for copies. Their sizes are the slots of `config/erps.yaml`.

A task whose pool Airflow does not have waits for ever and shows nothing, so that a deployment has to make them before its DAGs run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybrid_erp.model.delivery import Role
from hybrid_erp.settings import Settings

if TYPE_CHECKING:
    from hybrid_erp.wiring.airflow_api import AirflowApi

_PAGE: Final = 50
REMEDY: Final = "Run `hybrid-erp pools > pools.json` and `airflow pools import pools.json`."
#: Any of these says that Airflow's own settings are here.
_AIRFLOW_VARIABLES: Final = ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")


def pool_of(erp: str, role: Role = Role.CONTROL) -> str:
    """The name of the pool of an ERP's tasks."""
    return f"erp_{erp}_candidate" if role is Role.CANDIDATE else f"erp_{erp}"


def pools(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every pool that the configuration wants, as `airflow pools import` takes them."""
    return {
        pool_of(name, role): {
            "slots": erp.slots_of(role),
            "description": f"Hybrid ERP: {'copies for' if role is Role.CANDIDATE else 'deliveries to'} {name}",
            "include_deferred": True,
        }
        for name, erp in settings.erps.items()
        for role in (Role.CONTROL, Role.CANDIDATE)
    }


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as Airflow has it."""

    slots: int
    include_deferred: bool


def problems_of(wanted: Mapping[str, Mapping[str, Any]], there: Mapping[str, Pool]) -> Iterator[str]:
    """What is wrong with Airflow's pools, and what to do. A pool may be larger than wanted: the store has the same limit once more."""
    for name, content in wanted.items():
        found = there.get(name)
        if found is None:
            yield f"Airflow has no pool {name}: its tasks would wait for ever, without a word. {REMEDY}"
        elif 0 <= found.slots < content["slots"]:  # Airflow's -1 has no end
            yield f"Airflow's pool {name} has {found.slots} slots, and the configuration wants {content['slots']}. {REMEDY}"
        elif not found.include_deferred:
            yield f"Airflow's pool {name} does not count deferred tasks. {REMEDY}"


def airflow_is_here() -> bool:
    """Whether this environment has the settings of an Airflow; without them Airflow would make itself a home in the user's folder."""
    return any(os.environ.get(name) for name in _AIRFLOW_VARIABLES) or (Path.home() / "airflow" / "airflow.cfg").exists()


def pools_of_airflow() -> dict[str, Pool]:
    """The pools of the Airflow of this environment; raises what its database raises. For commands: a task may not read it."""
    from airflow.api.client import get_current_api_client

    airflow: Any = get_current_api_client()
    found = airflow.get_pools()
    return {name: Pool(slots, include_deferred) for name, slots, _, include_deferred, *_ in found}


def pools_by_api(airflow: AirflowApi) -> dict[str, Pool]:
    """The pools by Airflow's REST API, as a task may read them; raises what a call raises."""
    found: dict[str, Pool] = {}
    while True:
        page = airflow.call("GET", f"/api/v2/pools?limit={_PAGE}&offset={len(found)}")
        found |= {each["name"]: Pool(each["slots"], each["include_deferred"]) for each in page["pools"]}
        if len(page["pools"]) < _PAGE:
            return found
