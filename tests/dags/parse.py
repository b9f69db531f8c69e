"""Parses the DAG files as Airflow's DAG processor does: Airflow is imported once, and each parse is a fork of its own.

Reads configuration folders from its input, line by line, and answers each with what was found, as a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG, Asset, Param


def parsed(folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, load_op_links=False)
    return {
        "seconds": time.monotonic() - began,
        "import_errors": {Path(file).name: error for file, error in bag.import_errors.items()},
        "warnings": [str(warning) for warnings in bag.captured_warnings.values() for warning in warnings],
        "dags": {
            name: {
                "file": Path(dag.fileloc).name,
                "doc_md": dag.doc_md,
                "tags": sorted(dag.tags),
                "catchup": dag.catchup,
                "max_active_runs": dag.max_active_runs,
                "clock": getattr(getattr(dag.timetable, "timetable", dag.timetable), "expression", None),
                "params": sorted(dag.params),
                "kept_from_running_by": sorted(name for name in dag.params if _must_be_filled(dag.params.get_param(name))),
                "begun_by": [asset.uri for asset in assets_of(dag)],
                "bells": [watcher.trigger.serialize()[1] for asset in assets_of(dag) for watcher in asset.watchers],
                "tasks": {
                    task.task_id: {
                        "doc_md": task.doc_md,
                        "retries": task.retries,
                        "retry_policy": type(task.retry_policy).__name__,
                        "pool": task.pool,
                        "updates": [outlet.name for outlet in task.outlets],
                        "after": sorted(task.upstream_task_ids),
                        "teardown": task.is_teardown,
                        "fails_the_run": task.on_failure_fail_dagrun,
                    }
                    for task in dag.tasks
                },
            }
            for name, dag in bag.dags.items()
        },
    }


def _must_be_filled(param: Param) -> bool:
    """Whether Airflow's form lets nobody begin a run before something is written there."""
    types = param.schema.get("type", ())
    return param.value in ("", None) and "null" not in ([types] if isinstance(types, str) else types)


def assets_of(dag: DAG) -> list[Asset]:
    """What begins a run of a DAG besides the clock."""
    condition = getattr(dag.timetable, "asset_condition", None)
    return [each for each in getattr(condition, "objects", ()) if isinstance(each, Asset)]


def answer(config: str, folder: Path) -> None:
    """What a fork does: whatever is imported or read once is imported and read for this configuration alone."""
    os.environ["HYBRID_ERP_CONFIG"] = config
    print(json.dumps(parsed(folder)), flush=True)


if __name__ == "__main__":
    for line in sys.stdin:
        if child := os.fork():
            os.waitpid(child, 0)
        else:
            answer(line.rstrip("\n"), Path(sys.argv[1]))
            os._exit(0)
