"""Airflow on one machine: its four programs and the settings that suit tests and a demonstration."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.places import CHECKOUT
from sandbox.plan import Part, Ready
from sandbox.ports import HOST
from sandbox.postgres import Cluster

DATABASE = "airflow"
PASSWORDS_FILE = "logins.json"

# Each program's arguments, and its own word on its health, which the API server passes on.
PROGRAMS = {
    "api-server": (("api-server", "--workers", "1"), ("metadatabase",)),
    "scheduler": (("scheduler", "--skip-serve-logs"), ("scheduler",)),  # the log files are on this machine: nobody has to serve them
    "dag-processor": (("dag-processor",), ("dag_processor",)),
    "triggerer": (("triggerer", "--skip-serve-logs"), ("triggerer",)),
}

# A dead worker is noticed within half a minute, and an API server may be away for a minute and more without failing a task. A scheduler
# that is only busy, as it is when everything starts at once, must not count as dead: it would take its own tasks for orphans.
LIVENESS = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
    "WORKERS__MAX_FAILED_HEARTBEATS": "20",
}

# A changed DAG file shows within seconds instead of minutes.
FRESHNESS = {
    "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "5",
}


def new_keys() -> dict[str, str]:
    """The keys that all parts of one Airflow share; 64 bytes for the tokens, or Airflow warns."""
    return {
        "jwt": secrets.token_urlsafe(64),
        "session": secrets.token_urlsafe(32),
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def environment(home: Path, cluster: Cluster, port: int, keys: Mapping[str, str], roles: Mapping[str, str]) -> dict[str, str]:
    """Airflow's settings for a site."""
    settings = {
        "CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "8",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # asks no name server
        "CORE__FERNET_KEY": keys["fernet"],
        "CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{login}:{role}" for login, role in roles.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / PASSWORDS_FILE),
        "DATABASE__SQL_ALCHEMY_CONN": sqlalchemy_url(cluster),
        "API__HOST": HOST,
        "API__PORT": str(port),
        "API__BASE_URL": f"http://{HOST}:{port}",
        "API__SECRET_KEY": keys["session"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        **LIVENESS,
        **FRESHNESS,
    }
    return {"AIRFLOW_HOME": str(home)} | {f"AIRFLOW__{name}": value for name, value in settings.items()}


def sqlalchemy_url(cluster: Cluster) -> str:
    """The metadata database, as Airflow wants it named."""
    return cluster.dsn(DATABASE).replace("postgresql://", "postgresql+psycopg2://")


def make_pools(config: Path) -> None:
    """Make the pools that the configuration wants, in the Airflow of this environment: its tasks would wait for ever without them."""
    from airflow.api.client import get_current_api_client

    from hybrid_erp.settings import load_settings
    from hybrid_erp.wiring.pools import pools

    airflow: Any = get_current_api_client()
    for name, content in pools(load_settings(config)).items():
        airflow.create_pool(name=name, **content)


def parts(url: str, environment: dict[str, str], *, after: tuple[str, ...]) -> list[Part]:
    """The four programs: at once, but for the scheduler, whose first tasks would find no API server, or no pool."""
    airflow = str(Path(sys.executable).parent / "airflow")
    health = f"{url}/api/v2/monitor/health"
    return [
        Part(
            name=f"airflow-{name}",
            command=(airflow, *arguments),
            environment=environment,
            after=(*after, "airflow-api-server", "airflow-pools") if name == "scheduler" else after,
            ready=Ready(url=health, healthy=healthy),
            patience_seconds=180,
        )
        for name, (arguments, healthy) in PROGRAMS.items()
    ]
