"""What a supervisor is asked to run: servers and one-off steps, what each waits for, and how one knows that it is ready."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Ready:
    """How a server shows that it serves: it answers on a URL, or takes connections on a port."""

    url: str | None = None
    status: int = 200
    healthy: tuple[str, ...] = ()  # members of the JSON answer whose `status` has to be "healthy"
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One program. With `ready` it is a server that has to stay; without, a step that has to end with 0."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    after: tuple[str, ...] = ()  # parts that have to be ready (servers) or done (steps) before this one starts
    ready: Ready | None = None
    patience_seconds: float = 120
    relayed: bool = False  # its output lines are progress for the person who waits
    grace_seconds: float = 10  # from the polite signal to the impolite one


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that runs for one folder, from the first start to the last closed port."""

    folder: Path
    parts: tuple[Part, ...]
    closing: tuple[Part, ...] = ()  # steps after all servers have ended, for example stopping the database cleanly
    ports: tuple[int, ...] = ()  # have to be closed when all is over
    temporary: bool = False  # the folder goes with the last of its programs
    restarts_max: int = 5  # of all servers together, before the whole is given up
    secrets: tuple[str, ...] = field(default=(), repr=False)  # never shown, even when a log line holds one

    @property
    def logs(self) -> Path:
        """Where each part's output goes, one file a part."""
        return self.folder / "logs"

    def save(self) -> None:
        """Write the plan into its folder, for its owner's eyes only: environments hold secrets."""
        content = asdict(self) | {"folder": str(self.folder)}
        write_private(self.folder / PLAN_FILE, json.dumps(content))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read the plan of a folder.

        Raises:
            FileNotFoundError: Nothing was ever planned there.
        """
        content = json.loads((folder / PLAN_FILE).read_text())
        return cls(
            folder=folder,
            parts=tuple(map(_part, content["parts"])),
            closing=tuple(map(_part, content["closing"])),
            ports=tuple(content["ports"]),
            temporary=content["temporary"],
            restarts_max=content["restarts_max"],
            secrets=tuple(content["secrets"]),
        )


def planned_ports(folder: Path) -> tuple[int, ...]:
    """The ports of a folder's plan, whichever version of these sources wrote it; none without a plan."""
    plan = folder / PLAN_FILE
    return tuple(json.loads(plan.read_text())["ports"]) if plan.exists() else ()


def _part(content: dict[str, Any]) -> Part:
    ready = content.pop("ready")
    if ready is not None:
        ready = Ready(url=ready["url"], status=ready["status"], healthy=tuple(ready["healthy"]), port=ready["port"])
    return Part(command=tuple(content.pop("command")), after=tuple(content.pop("after")), ready=ready, **content)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at no moment otherwise."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
