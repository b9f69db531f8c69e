"""Airflow's login in front of our routes. The only module of `web` that knows Airflow; its security functions are Airflow's inner API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

from hybrid_erp.web.callers import Caller


class AirflowLogin:
    """Who may see runs may read; who may start runs may send events."""

    def __init__(self) -> None:
        self.reader: Final = _who_may("GET")
        self.sender: Final = _who_may("POST")


def _who_may(method: Literal["GET", "POST"]) -> Callable[..., Any]:
    has_the_right = requires_access_dag(method=method, access_entity=DagAccessEntity.RUN)

    def caller(user: GetUserDep, _: None = Depends(has_the_right)) -> Caller:
        return Caller(str(user.get_name()))

    return caller
