"""Deliver what waits to the ERP that owns it: one Airflow DAG for each ERP.

**When it runs**: as soon as a posting is accepted (a bell on the store), and every ten minutes as a safety net.

**What it does**: `survey` asks the store at which companies work is due. What is little it delivers itself; each company with
much work, or one whose ERP cannot be reached, gets a `deliver` task of its own, named after the company. A task works until its
queue is empty or its time is up. What it has settled stays settled.

**Limits**: `deliver` tasks need Airflow's pool of the ERP (`hybrid-erp pools` writes it; a task whose pool is missing waits
without a word). The store has the same limits once more, as leases: so many companies of an ERP at once, and one writer a company.
A task that finds its company's turn taken ends at once, green, and its log says who has it until when. Some runs may go on side by
side, so that a company that is tried again holds up no other.

**Red or waiting to retry**: the ERP is down or asks to wait. Nothing is lost: postings wait in the store, and delivery goes on
by itself when the ERP answers. A run tries three times more within a minute; then the store lets the company rest, for up to a
minute or as long as the ERP asks, and a new run tries again. The task's log says which company waits and why, and under "Post
Execute" when it is tried again; the survey's log tells which company rests. While a task waits, Airflow shows its number in
place of the company's name: the last lines of the survey's log say which number is which company.

**A posting that the ERP refuses for good** is a *dead letter*: it fails no task; repair its cause and run `replay_dead_letters`.

**Clearing, marking, killing a task** is always safe: who may send what is decided in the store, and every second attempt asks
the ERP first.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery_dag import delivery_dag, every

# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for place, (name, configured) in enumerate(settings().erps.items()):
    dag_id = f"deliver_{name}"
    if only in (None, dag_id):
        slots, lease_seconds = configured.slots_of(Role.CONTROL), configured.lease_seconds
        globals()[dag_id] = delivery_dag(
            dag_id, name, Role.CONTROL, clock=every(10, place), lease_seconds=lease_seconds, slots=slots, doc_md=__doc__
        )
