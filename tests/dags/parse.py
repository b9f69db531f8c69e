"""Parses the DAG files as Airflow's DAG processor does, in a process of its own, and prints what it found as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG, Asset


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
                "bells": [watcher.trigger.serialize()[1] for asset in assets_of(dag) for watcher in asset.watchers],
                "tasks": {
                    task.task_id: {
                        "doc_md": task.doc_md,
                        "retries": task.retries,
                        "retry_policy": type(task.retry_policy).__name__,
                        "pool": task.pool,
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


def assets_of(dag: DAG) -> list[Asset]:
    """What begins a run of a DAG besides the clock."""
    condition = getattr(dag.timetable, "asset_condition", None)
    return [each for each in getattr(condition, "objects", ()) if isinstance(each, Asset)]


if __name__ == "__main__":
    print(json.dumps(parsed(Path(sys.argv[1]))))
