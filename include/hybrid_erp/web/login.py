"""Airflow's login in front of our routes. The only module of `web` that knows Airflow; its security functions are Airflow's inner API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends


class AirflowLogin:
    """Who may see runs may read; who may start runs may send events."""

    reader: Callable[..., Any] = staticmethod(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))

    @property
    def sender(self) -> Callable[..., Any]:
        """The name of a user who may start runs."""
        may_start_runs = requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN)

        def sender(user: GetUserDep, _: None = Depends(may_start_runs)) -> str:
            return str(user.get_name())

        return sender
