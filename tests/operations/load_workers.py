"""Steps of a load to kill: a process that has loaded everything and forks a worker for each step that it is told.

Reads lines `STEP LEGAL_ENTITY` and answers with the worker's process id; the worker ends by itself or is killed. What came of it is
written to standard error, for the person who looks into a failure.
"""

from __future__ import annotations

import os
import sys

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring import load, load_proof
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection, worker

REGION = "emea"
REAL = {"dry_run": False}


def main() -> None:
    settings()
    load.BATCH = 5  # type: ignore[misc]  # more moments at which a run can die
    for line in sys.stdin:
        step, legal_entity = line.split()
        pid = os.fork()
        if pid == 0:
            _work(step, legal_entity)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


def _work(step: str, legal_entity: str) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        print(f"{step} {legal_entity}: {_step(step, legal_entity)}", flush=True)
    except Exception as error:  # a worker that met a fault ends; the next one goes on
        print(f"{step} {legal_entity}: {type(error).__name__} {error}", flush=True)
    finally:
        os._exit(0)


def _step(step: str, legal_entity: str) -> object:
    match step:
        case "read":
            return load.read_load(REGION, legal_entity, REAL, requested_by="lead")
        case "send":
            return load.send_load(REGION, legal_entity, requested_by="lead")
        case "verify":
            return load_proof.verify(REGION, legal_entity, requested_by="lead")
        case _:
            cloud = settings().regions[REGION].cloud
            with (
                store_connection("delivery") as claiming,
                worker(cloud, legal_entity, claiming, role=Role.CANDIDATE) as company_worker,
            ):
                return dict(company_worker.run(seconds=30).settled)


if __name__ == "__main__":
    main()
