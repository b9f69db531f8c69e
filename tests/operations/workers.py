"""A process that has loaded everything and forks a worker for each step that it is told, so that a worker begins at once.

Reads lines `STEP WORD` and answers with the worker's process id, and with `ended`; the worker ends by itself or is killed. What came of
it is written to standard error, for the person who looks into a failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection, worker

Step = Callable[[str, str], object]


def serve(step: Step) -> None:
    """Until the input ends."""
    settings()
    for line in sys.stdin:
        name, word = line.split()
        pid = os.fork()
        if pid == 0:
            _work(step, name, word)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


def shadow(erp: str, legal_entity: str) -> dict[str, int]:
    """Deliver copies to a candidate; what came of them."""
    with store_connection("delivery") as claiming, worker(erp, legal_entity, claiming, role=Role.CANDIDATE) as company_worker:
        return {str(outcome): count for outcome, count in company_worker.run(seconds=30).settled.items()}


def _work(step: Step, name: str, word: str) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # logs belong to the person, the pipe to the test
    try:
        print(f"{name} {word}: {step(name, word)}", flush=True)
    except Exception as error:  # a worker that met a fault ends; the next one goes on
        print(f"{name} {word}: {type(error).__name__} {error}", flush=True)
    finally:
        os._exit(0)
