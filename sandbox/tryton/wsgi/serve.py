"""gunicorn's settings for the sandbox's Tryton, run inside Tryton's own virtual environment.

Tryton's own entry loads its databases in parallel and then refuses to start if a thread of its connection pools has not ended yet, which
happens now and then. Here they are loaded one after the other, before the first request, and nobody counts threads. All of them together
may take longer than a request may, so the worker says after each that it lives.
"""

import os
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Load every database before the worker takes its first request."""
    from trytond import backend
    from trytond.pool import Pool

    for name in os.environ["SANDBOX_TRYTON_DATABASES"].split(","):
        Pool(name).init()
        backend.Database(name).close()
        worker.notify()
