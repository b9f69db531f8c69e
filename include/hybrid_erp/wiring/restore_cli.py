"""`hybrid-erp store ...`: what a person does after the store was restored, failed over or copied."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_store(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command. It reaches store and ERPs by Airflow's Connections, as the tasks do."""
    store = command(
        "store", _store, "Say whether the store is believed; suspend it, resume it after a restore, close the recovery.", store=False
    )
    store.add_argument("act", nargs="?", choices=("show", "suspend", "resume", "recovered"), default="show")
    store.add_argument("--by", help="the person who decides, for the audit trail")
    store.add_argument("--reason", help="goes to the audit trail")


def _store(options: argparse.Namespace) -> int:
    if options.act == "show":
        return _show()
    if lacking := [f"--{name}" for name in ("by", "reason") if not getattr(options, name)]:
        raise OSError(f"{' and '.join(lacking)} must be given")
    return {"suspend": _suspend, "resume": _resume, "recovered": _recovered}[options.act](options.by, options.reason)


def _show() -> int:
    from hybrid_erp.wiring.restore import testimony

    told = testimony()
    trust = told.trust
    print(f"This store:     {trust.identity}")
    print(f"Last believed:  {trust.believed}, since {trust.since:%F %T} UTC" + (f" by {trust.resumed_by}" if trust.resumed_by else ""))
    newest = f"{trust.newest_at:%F %T} UTC" if trust.newest_at else "nothing"
    print(f"It remembers:   {newest} as the last; {trust.open_postings} postings and {trust.open_deliveries} deliveries are open")
    for source in told.sources:
        print(f"  {source.source}: the last event is {source.event_id}, accepted at {source.accepted_at:%F %T} UTC")
    for witness in told.witnesses:
        print(
            f"  {witness.legal_entity} at {witness.erp} has seen lock-out {witness.generation}; the store knows up to {witness.store_epoch}"
        )
    found = told.contradictions
    for line in told.kept.heads if told.kept else ("no heads of the audit trail are kept outside the store",):
        print(f"  {line}")
    for line in (*found, *(f"not answered: {each}" for each in told.silent)):
        print(f"  ! {line}")
    if not trust.is_believed:
        print("Nothing is claimed. Read docs/restore.md, then `hybrid-erp store resume --by NAME --reason WHY`.")
        return 1
    if trust.is_recovering:
        print("It is being recovered: each source sends again what came after its last event; every first attempt asks the ERP first. "
              "When all have, `hybrid-erp store recovered --by NAME --reason WHY`.")  # fmt: skip
        return 1
    print("It is believed.")
    return 1 if found else 0


def _suspend(by: str, reason: str) -> int:
    from hybrid_erp.wiring.restore import suspend

    suspend(by=by, reason=reason)
    print("Nothing is claimed any more, until `hybrid-erp store resume`.")
    return 0


def _resume(by: str, reason: str) -> int:
    from hybrid_erp.wiring.restore import resume

    marked = resume(by=by, reason=reason)
    print(f"Claims go on. {marked} open deliveries are asked for at their ERP before anything is sent, and so is every posting "
          "until `hybrid-erp store recovered`. Have each source send again from its last event on; "
          "`hybrid-erp store show` names it.")  # fmt: skip
    return 0


def _recovered(by: str, reason: str) -> int:
    from hybrid_erp.wiring.restore import close_recovery

    close_recovery(by=by, reason=reason)
    print("The recovery is closed: what is accepted from now on is sent at once.")
    return 0
