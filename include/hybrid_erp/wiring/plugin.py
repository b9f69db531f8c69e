"""What Airflow loads: the canonical API under /hybrid-erp."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from hybrid_erp import __version__
from hybrid_erp.wiring.facade import airflow_api


class HybridErpPlugin(AirflowPlugin):
    """Hybrid ERP in Airflow."""

    name = "hybrid_erp"
    fastapi_apps = [  # noqa: RUF012  # Airflow declares it as an instance variable
        {"app": airflow_api(), "url_prefix": "/hybrid-erp", "name": f"Hybrid ERP {__version__}"}
    ]
