"""What Airflow loads: the canonical API under /hybrid-erp."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI

from hybrid_erp import __version__
from hybrid_erp.web.api import build_api
from hybrid_erp.web.bounds import Bounded
from hybrid_erp.web.login import AirflowLogin
from hybrid_erp.web.machines import MachineDoor, MachineLogin
from hybrid_erp.wiring.connections import conninfo
from hybrid_erp.wiring.connectors import reading_connector
from hybrid_erp.wiring.facade import StoreSide, requests_max


def mounted_api() -> FastAPI:
    """The application behind Airflow's login; who brings a machine's credential meets the machines' login instead."""
    side = StoreSide(conninfo, reading_connector)
    machines = build_api(lambda: side.facade, MachineLogin(lambda: side.credentials))
    people = build_api(lambda: side.facade, AirflowLogin())
    people.add_middleware(MachineDoor, machines=machines, open_credentials=lambda: side.credentials)
    people.add_middleware(Bounded, requests_max=requests_max())
    return people


class HybridErpPlugin(AirflowPlugin):
    """Hybrid ERP in Airflow."""

    name = "hybrid_erp"
    fastapi_apps = [  # noqa: RUF012  # Airflow declares it as an instance variable
        {"app": mounted_api(), "url_prefix": "/hybrid-erp", "name": f"Hybrid ERP {__version__}"}
    ]
