"""The WSGI application of the sandbox's Tryton, run by gunicorn inside Tryton's own virtual environment.

Tryton's own entry loads its databases in parallel and then refuses to start if a thread of its connection pools has not ended yet, which
happens now and then. Here they are loaded one after the other, before the first request, and nobody counts threads.
"""

import os

from trytond import backend
from trytond.application import app
from trytond.pool import Pool

for _name in os.environ["SANDBOX_TRYTON_DATABASES"].split(","):
    Pool(_name).init()
    backend.Database(_name).close()

__all__ = ["app"]
