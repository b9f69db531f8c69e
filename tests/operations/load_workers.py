"""Steps of a load to kill."""

from __future__ import annotations

from hybrid_erp.wiring import load, load_proof
from hybrid_erp.wiring.configuration import settings
from tests.operations.workers import serve, shadow

REGION = "emea"
REAL = {"dry_run": False}


def main() -> None:
    load.BATCH = 5  # type: ignore[misc]  # more moments at which a run can die
    serve(_step)


def _step(step: str, legal_entity: str) -> object:
    match step:
        case "read":
            return load.read_load(REGION, legal_entity, REAL, requested_by="lead")
        case "send":
            return load.send_load(REGION, legal_entity, requested_by="lead")
        case "verify":
            return load_proof.verify(REGION, legal_entity, requested_by="lead")
        case _:
            return shadow(settings().regions[REGION].cloud, legal_entity)


if __name__ == "__main__":
    main()
