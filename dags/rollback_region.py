"""Move one region back to the legacy ERP: the steps of its cutover with the roles of the ERPs exchanged.

**When**: from the cutover on, until a person closes the way back. What was posted since then is in the legacy ERP already, as
copies; what people posted in the cloud ERP is captured and brought over. A rollback refuses while a document is missing there.

**What cannot be taken back** stands in the evidence that the approvers see: numbers issued, and periods closed. Returns filed and
payment runs made are not known here; the approvers are reminded of them.

**Steps, modes, red tasks, clearing**: as in `cutover_<region>`. After the switch the people whose rights the cutover took in the
legacy ERP get them back; in the cloud ERP they are taken. The region is in dual run again, and can be cut over again.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from hybrid_erp.model.cutover import Direction
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.cutover_dag import cutover_dag

# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for name, configured in settings().regions.items():
    if configured.plan is not None and configured.plan.cutover is not None and only in (None, f"rollback_{name}"):
        globals()[f"rollback_{name}"] = cutover_dag(
            Direction.ROLLBACK, name, sorted(configured.plan.kinds), configured.plan.cutover, doc_md=__doc__
        )
