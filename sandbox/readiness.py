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
    return ready.url is None or _answers(ready.url, ready.healthy)


def _answers(url: str, healthy: tuple[str, ...]) -> bool:
    try:
        with _DIRECT.open(url, timeout=5) as response:
            body = response.read()
        if not healthy:
            return True
        members = json.loads(body)
        return all(members[name]["status"] == "healthy" for name in healthy)
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False  # not yet
