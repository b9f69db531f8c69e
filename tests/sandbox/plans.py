"""Small plans for the tests of the supervisor: a server that takes connections, and what Airflow does to its parents."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sandbox.plan import Part, Plan, Ready
from sandbox.ports import free_ports

SERVER = """
import http.server, sys
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

# Like an Airflow task: a grandchild in a session of its own, deaf to polite signals, which holds a port.
STUBBORN_GRANDCHILD = """
import signal, socket, subprocess, sys, time
if sys.argv[2:] == ["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
else:
    subprocess.Popen([sys.executable, __file__, sys.argv[1], "deaf"], start_new_session=True)
time.sleep(600)
"""

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def a_server(name: str, port: int, *, after: tuple[str, ...] = ()) -> Part:
    command = (sys.executable, "-c", SERVER, str(port))
    return Part(
        name=name, command=command, environment=ENVIRONMENT, after=after, ready=Ready(url=f"http://127.0.0.1:{port}/"), grace_seconds=2
    )


def a_stubborn_family(name: str, port: int, source: Path) -> Part:
    source.write_text(STUBBORN_GRANDCHILD)
    command = (sys.executable, str(source), str(port))
    return Part(name=name, command=command, environment=ENVIRONMENT, ready=Ready(port=port), grace_seconds=1)


def a_step(name: str, code: str, *, after: tuple[str, ...] = ()) -> Part:
    return Part(name=name, command=(sys.executable, "-c", code), environment=ENVIRONMENT, after=after)


def a_plan(folder: Path, *, temporary: bool = False) -> Plan:
    """A server and a family whose grandchild nobody's process group contains."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = free_ports(2)
    parts = (a_server("web", first), a_stubborn_family("tasks", second, folder / "family.py"))
    return Plan(folder=folder, parts=parts, ports=(first, second), temporary=temporary)
