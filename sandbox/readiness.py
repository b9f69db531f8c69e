"""Asking a server whether it serves yet."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from sandbox.plan import Ready
from sandbox.ports import is_open

# Proxies named in the environment are for the world outside, not for this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_ready(ready: Ready) -> bool:
    """Whether the server answers as it should, now."""
    if ready.port is not None and not is_open(ready.port):
        return False
    return ready.url is None or _answers(ready.url, ready.status, ready.healthy)


def _answers(url: str, status: int, healthy: tuple[str, ...]) -> bool:
    try:
        with _DIRECT.open(url, timeout=5) as response:
            answered, body = response.status, response.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code == status
    except (OSError, http.client.HTTPException):
        return False  # not yet
    return answered == status and (not healthy or _is_healthy(body, healthy))


def _is_healthy(body: bytes, members: tuple[str, ...]) -> bool:
    try:
        said = json.loads(body)
        return all(said[member]["status"] == "healthy" for member in members)
    except (ValueError, KeyError, TypeError):
        return False
