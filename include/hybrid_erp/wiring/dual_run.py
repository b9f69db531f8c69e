"""The steps of a region's dual run, put together from settings and store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.operations.dual_run import DualRunRequest, DualRunStep, run_step
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.form import Text

log: Final = logging.getLogger(__name__)


class DualRunConf(BaseModel):
    """What a run of `dual_run_<region>` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    step: DualRunStep = DualRunStep.SHOW
    share_percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=2)] = Decimal(100)
    reason: Text = ""
    dry_run: bool = True


def dual_run(region: str, conf: Mapping[str, Any], *, requested_by: str) -> list[str]:
    """Take one step of a region's dual run; lines for people, which are logged too.

    Raises:
        OwnershipConflictError: The request does not fit, or the region is not in the state that it needs; nothing was changed.
    """
    try:
        asked = DualRunConf.model_validate(dict(conf))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)[:5])
        raise OwnershipConflictError(f"The run's configuration does not fit: {wrong}. Nothing was changed.") from None
    configured = settings().regions.get(region)
    if configured is None or configured.plan is None:
        raise OwnershipConflictError(f"Region {region} has no plan to move. Nothing was changed.")
    request = DualRunRequest(
        region=region,
        kinds=tuple(sorted(kind.value for kind in configured.plan.kinds)),
        legal_entities=tuple(configured.legal_entities),
        candidate=configured.cloud,
        step=asked.step,
        share_percent=asked.share_percent,
        reason=asked.reason,
        by=requested_by,
        dry_run=asked.dry_run,
    )
    with store_connection("cutover") as connection:
        told = run_step(request, PostgresDualRun(connection))
    for line in told:
        log.info("%s: %s.", region, line)
    return told
