"""Run by the Python of a clean environment: what Airflow finds of the installed wheel there, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg


def installed(dags: Path) -> dict[str, Any]:
    """The package's place, its plugin in Airflow's own application, its trigger, and the DAGs of a folder as Airflow stores them."""
    import hybrid_erp

    return {"package": hybrid_erp.__file__, "plugin": plugin(), "trigger": trigger(), "heard": asyncio.run(heard()), **parsed(dags)}


def bundled(name: str) -> dict[str, Any]:
    """A DAG bundle as Airflow fetches it: where, what is parsed of it, and what the check says of its files."""
    from hybrid_erp.wiring.dag_files import bundle_folders, problems_of_dags

    folders = bundle_folders()
    folder = folders[name]
    assert isinstance(folder, Path), folder
    return {"folder": str(folder), "problems": list(problems_of_dags(folders)), **parsed(folder)}


def plugin() -> dict[str, int]:
    """What Airflow's own application answers under the plugin's address to somebody who is not signed in."""
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    with TestClient(create_app(apps="core")) as client:
        return {path: client.get(path).status_code for path in ("/hybrid-erp/v1/schemas", "/hybrid-erp/nothing")}


def trigger() -> bool:
    """Whether the triggerer makes the same bell of what Airflow keeps of it."""
    from hybrid_erp.wiring.bell import DeliveryBell

    path, arguments = DeliveryBell("tryton-emea").serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(import_module(module), name)(**arguments)
    return bool(again.serialize() == (path, arguments))


async def heard() -> bool:
    """Whether a notification that comes between two looks of the bell is heard at the next."""
    from hybrid_erp.wiring.bell import _notified
    from hybrid_erp.wiring.connections import conninfo

    terms = conninfo("hybrid_erp_delivery")
    listening, notifying = [await psycopg.AsyncConnection.connect(**terms, autocommit=True) for _ in range(2)]
    async with listening, notifying:
        await listening.execute("LISTEN bell")
        await notifying.execute("NOTIFY bell")
        await listening.execute("SELECT 1")
        return await _notified(listening, 5)


def parsed(folder: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, load_op_links=False)
    return {
        "import_errors": {Path(file).name: error for file, error in bag.import_errors.items()},
        "files": sorted({Path(dag.fileloc).name for dag in bag.dags.values()}),
        "dags": sorted(name for name, dag in bag.dags.items() if DagSerialization.to_dict(dag)),
    }


if __name__ == "__main__":
    what, which = sys.argv[1:]
    print(json.dumps(installed(Path(which)) if what == "installed" else bundled(which)))
