"""Steps of a dual run to kill: copies, capture, reconciliation."""

from __future__ import annotations

from hybrid_erp.operations.capture import capture
from hybrid_erp.operations.reconcile import follow
from hybrid_erp.wiring.capture import capture_for
from hybrid_erp.wiring.reconciliation import reconcile_legal_entity
from tests.operations.workers import serve, shadow

REGION, CLOUD = "emea", "tryton-emea"


def main() -> None:
    capture.PAGE = follow.PAGE = 5  # type: ignore[misc]  # more moments at which a run can die
    serve(_step)


def _step(step: str, word: str) -> object:
    match step:
        case "shadow":
            return shadow(CLOUD, word)
        case "capture":
            return capture_for(CLOUD)
        case _:
            run, _, legal_entity = word.partition("/")
            return reconcile_legal_entity(REGION, legal_entity, run=run)


if __name__ == "__main__":
    main()
