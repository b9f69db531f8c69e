"""What a preflight asks of Airflow and of the machine that its worker runs on."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import requests
from airflow.configuration import conf

from hybrid_erp.model.delivery import Role
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.airflow_api import AIRFLOW, airflow_api
from hybrid_erp.wiring.pools import pool_of, pools, pools_by_api, problems_of

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AirflowSurroundings:
    """Of the Airflow that runs this task."""

    settings: Settings

    def pool_problems(self, erps: Collection[str]) -> Sequence[str] | None:
        """What is wrong with these ERPs' pools; None where no login is configured that may read them."""
        try:
            airflow = airflow_api()
            there = pools_by_api(airflow) if airflow else None
        except (requests.RequestException, KeyError) as error:
            log.warning("Airflow's pools cannot be read with the connection %s: %s.", AIRFLOW, error)
            return None
        if there is None:
            return None
        names = {pool_of(erp, role) for erp in erps for role in (Role.CONTROL, Role.CANDIDATE)}
        wanted = {name: content for name, content in pools(self.settings).items() if name in names}
        return list(problems_of(wanted, there))

    def known_logins(self) -> frozenset[str] | None:
        """The logins of Airflow's simple login file; every other way of signing in keeps them to itself."""
        simple = conf.get("core", "auth_manager", fallback="").endswith(".SimpleAuthManager")
        if not simple or conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
            return None
        named = conf.getlist("core", "simple_auth_manager_users", fallback=[]) or []
        return frozenset(each.split(":")[0].strip() for each in named)

    def disk_free_bytes(self) -> int:
        """Where temporary files go."""
        return shutil.disk_usage(tempfile.gettempdir()).free
