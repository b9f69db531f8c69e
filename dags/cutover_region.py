"""Move one region from the legacy ERP to the cloud ERP.

**Before**: the region is loaded, runs on both ERPs at 100 %, and its reconciliation passes. Rehearse first: a live run demands a
rehearsal that went well.

**Mode**: a *dry run* looks at everything and changes nothing; each task's log says what it would do. A *rehearsal* does everything
up to the switch and then releases: the region is frozen for seconds, nothing moves. *Live* moves it.

**Steps**: `preflight` checks both ERPs, the store and Airflow, and stores the evidence. `approve_...`: a migration lead and the
controller of each legal entity say yes to that evidence (Required Actions, on the run's page); who asked for the run cannot, and
silence is a no. `override_blackout_...`: only where the form asks to move on a blackout date, a second controller. `freeze`: no new
posting is claimed; intake goes on. `drain`: what was begun is finished. `lock_out`: nobody but
our copies posts in the legacy ERP any more. `final_delta`: what people posted until then is brought over. `verify`: a
reconciliation with nothing left. `switch`: the cloud ERP owns. `smoke_test`: an entry of the smallest amount, reversed at once.
`release` opens claims, whatever happened; `verdict` says where the region is by the store's word.

**Red before `switch`**: nothing has moved. `release` has opened the legacy ERP again; mend what the red task names, start a new run.
**Red `smoke_test` or `release` after the switch**: the region stays closed, intake goes on. The log says what is missing; mend it
and clear the task. `hybrid-erp cutover show` tells where a region is, `hybrid-erp cutover release` does what `release` does.

**Clearing, marking, killing** any task is safe: each asks the store and the ERPs where the region is, and the switch asks for every
fact itself. If Airflow dies, the freeze ends by itself, and what was locked out is opened by `watch`.

**Back**: `rollback_<region>`, until a person closes the way back with `hybrid-erp close-reverse`.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from hybrid_erp.model.cutover import Direction
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.cutover_dag import cutover_dag

# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for name, configured in settings().regions.items():
    if configured.plan is not None and configured.plan.cutover is not None and only in (None, f"cutover_{name}"):
        globals()[f"cutover_{name}"] = cutover_dag(
            Direction.CUTOVER, name, sorted(configured.plan.kinds), configured.plan.cutover, doc_md=__doc__
        )
