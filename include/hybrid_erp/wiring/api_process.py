"""The canonical API as a process of its own: for machine callers, with the store alone and without Airflow. Several may run."""

from __future__ import annotations

import sys
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from hybrid_erp.web.api import build_api
from hybrid_erp.web.bounds import Bounded
from hybrid_erp.web.machines import MachineLogin
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.facade import StoreSide, requests_max
from hybrid_erp.wiring.store_terms import terms_from_environment
from hybrid_erp.wiring.telemetry import provide

#: What is inside has so long to be answered after SIGTERM.
STOP_SECONDS_MAX: Final = 60


async def live(request: Request) -> Response:
    """The one open door, for load balancers: the process answers. It tells nothing and asks nobody."""
    return Response(status_code=204)


def api_process(side: StoreSide, requests_max: int) -> Starlette:
    """The application of the process. Everything but `/live` is behind the machines' login."""
    machines = build_api(lambda: side.facade, MachineLogin(lambda: side.credentials))
    return Starlette(routes=[Route("/live", live, methods=["GET"]), Mount("/", Bounded(machines, requests_max))])


def serve(host: str, port: int) -> None:
    """Answer until SIGTERM, and then what is inside.

    Raises:
        ConfigurationError: The environment names no store, or no sensible limit.
    """
    provide()
    side = StoreSide(terms_from_environment)
    application = api_process(side, requests_max())
    _ = side.facade, side.credentials  # what is missing shows now, not at the first event
    for problem in settings().problems:
        print(problem, file=sys.stderr)
    # Headers that a proxy adds are not believed, as nothing here depends on them.
    uvicorn.run(
        application,
        host=host,
        port=port,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
    )
