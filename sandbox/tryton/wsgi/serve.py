"""gunicorn's settings for the sandbox's Tryton, run inside Tryton's own virtual environment.

Tryton's own entry loads its databases in parallel and then refuses to start if a thread of its connection pools has not ended yet, which
happens now and then. Here they are loaded one after the other, before the first request, and nobody counts threads. On a busy machine that
may take longer than a request may, so the worker says meanwhile that it lives.
"""

import os
import threading
from typing import Any

BEAT_SECONDS = 1.0


def post_worker_init(worker: Any) -> None:
    """Load every database before the worker takes its first request."""
    from trytond import backend
    from trytond.pool import Pool

    loaded = threading.Event()

    def beat() -> None:
        while not loaded.wait(BEAT_SECONDS):
            worker.notify()

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        for name in os.environ["SANDBOX_TRYTON_DATABASES"].split(","):
            Pool(name).init()
            backend.Database(name).close()
    finally:
        loaded.set()
        beating.join()
