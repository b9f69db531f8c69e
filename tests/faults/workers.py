"""Workers to kill: a process that has loaded everything and forks a worker whenever it is told to.

Reads lines `ERP LEGAL_ENTITY SECONDS` and answers with the worker's process id; a worker ends by itself or is killed. Its
outcome is written to standard error, for the person who looks into a failure.

They take no turns: workers follow each other at once, and may be there together, so that nothing but the claims keeps them apart.
"""

from __future__ import annotations

import os
import sys
import traceback

from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection, worker


def main() -> None:
    settings()
    for line in sys.stdin:
        erp, legal_entity, seconds = line.split()
        pid = os.fork()
        if pid == 0:
            _work(erp, legal_entity, float(seconds))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


def _work(erp: str, legal_entity: str, seconds: float) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # logs belong to the person, the pipe to the harness
    try:
        with store_connection("delivery") as claiming, worker(erp, legal_entity, claiming) as company_worker:
            done = dict(company_worker.run(seconds=seconds).settled)
        print(f"{erp} {legal_entity}: {done}", file=sys.stderr, flush=True)
    except Exception as error:  # a worker that met a fault ends; the next one goes on
        print(f"{erp} {legal_entity}: {error}", file=sys.stderr, flush=True)
        if os.environ.get("TRACE_WORKERS"):
            traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
