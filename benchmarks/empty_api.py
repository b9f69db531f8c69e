"""An ASGI server that reads what it is sent and answers an empty 202: `python -m benchmarks.empty_api PORT`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from sandbox.postgres import HOST


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """Whatever is asked."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(empty, host=HOST, port=int(sys.argv[1]), lifespan="off", access_log=False, server_header=False, log_level="warning")
