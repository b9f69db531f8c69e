"""A fault proxy as a program of its own: `python -m sandbox.fault_proxy PROTOCOL PORT SERVER_PORT CONTROL_PORT`.

The control port takes JSON lines such as `{"fault": "cut_after", "requests": 1, "matching": "COMMIT"}` and answers each with the counts.
"""

from __future__ import annotations

import json
import socketserver
import sys

from sandbox.fault_proxy.behaviour import Behaviour
from sandbox.fault_proxy.proxy import FaultProxy, fault_proxy
from sandbox.ports import HOST


def control(proxy: FaultProxy, port: int) -> None:
    """Obey the control port until the program ends."""

    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                try:
                    if line.strip():
                        proxy.order(Behaviour.from_json(json.loads(line)))
                    answer: object = proxy.counted()
                except (ValueError, KeyError, TypeError) as error:
                    answer = {"error": f"This is no behaviour: {error!r}. Nothing was changed."}
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((HOST, port), Line) as server:
        server.serve_forever()


def main() -> None:
    """Run a proxy and its control port."""
    protocol, port, server_port, control_port = sys.argv[1], *map(int, sys.argv[2:5])
    with fault_proxy(server_port, protocol, port) as proxy:
        control(proxy, control_port)


if __name__ == "__main__":
    main()
