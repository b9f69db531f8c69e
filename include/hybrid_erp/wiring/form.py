"""A text that a form of Airflow may leave empty. Airflow lets nobody begin a run while a field that is a text, and no null, is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, StringConstraints

if TYPE_CHECKING:
    from airflow.sdk import Param


def _none_is_empty(given: Any) -> Any:
    return "" if given is None else given


Text = Annotated[str, BeforeValidator(_none_is_empty), StringConstraints(strip_whitespace=True, max_length=500)]
"""As a run's configuration has it; empty: nothing was written. Whether that will do is said by the first task, with its reason."""


def text(*, title: str, description: str, section: str) -> Param:
    """As the form asks for it."""
    from airflow.sdk import Param  # a DAG file has it already; who reads a run's configuration elsewhere need not load it

    return Param(None, type=["null", "string"], title=title, description=description, section=section)
