"""The part of a replay that is about the runbook: each step, from which phase, under which facts."""

from __future__ import annotations

from collections.abc import Mapping, Set

from tests.protocol_model.phases import FREEZE_PHASES, OPEN_PHASES
from tests.protocol_model.replaying.deliveries import Held, complete, under_way
from tests.protocol_model.replaying.known import Known, Why, unchanged
from tests.protocol_model.trace import Record


def asked(known: Known, record: Record) -> Why:
    """Evidence for people to say yes to; other evidence than before voids their answers, and none changes once the region is frozen."""
    if record.about in known.used:
        return "evidence of a cutover that has frozen the region"
    known.approved[record.about] = set()
    return unchanged(known, record)


def approved(known: Known, record: Record) -> Why:
    """D24: one person's yes to the evidence of one cutover, before it freezes the region."""
    if record.about in known.used or record.about not in known.approved:
        return "approved without evidence, or after the freeze"
    known.approved[record.about].add((record.role, record.company))
    return unchanged(known, record)


def _lacks_approval(known: Known, cutover: str | None) -> Why:
    """W1.3: of this cutover, by a migration lead and the controller of each company."""
    given = known.approved.get(cutover or "", set())
    lacking = {("migration_lead", ""), *(("controller", each) for each in known.companies)} - given
    return f"not approved by {', '.join(' '.join(each).strip() for each in sorted(lacking))}" if lacking else None


def frozen(known: Known, record: Record) -> Why:
    """F1: no other cutover, an id that was never used, approved; again only while the lease is in force."""
    before = known.facts
    if before.cutover is not None and before.cutover == record.cutover:
        return "a lapsed freeze is frozen again" if before.lapsed else unchanged(known, record)
    if before.phase not in OPEN_PHASES or before.cutover is not None:
        return "another cutover of the region is active"
    if record.cutover is None or record.cutover in known.used or record.about not in ("", record.cutover):
        return "a freeze needs a cutover id of its own"
    if record.epoch != before.epoch + 1 or record.owner != before.owner or record.phase != "frozen":
        return "a freeze raises the epoch by one, and leaves the owner"
    known.used.add(record.cutover)
    known.from_period, known.intended = record.from_period, set()
    return _lacks_approval(known, record.cutover)


def shut(known: Known, record: Record) -> Why:
    """Nothing new arises at the new owner: people are locked out of it while the region is frozen, until the release."""
    if known.facts.phase not in ("frozen", "drained") or record.about != known.facts.cutover:
        return f"people were locked out of the new owner in {known.facts.phase}, or for a cutover that is not active"
    return unchanged(known, record)


def _next(known: Known, record: Record, before: str, after: str) -> Why:
    """A step of the runbook: from one phase to the next, for the active cutover, under a lease in force."""
    facts = known.facts
    if record.cutover is None or {facts.cutover, record.about or facts.cutover} != {record.cutover}:
        return f"{record.action} for a cutover that is not active"
    if facts.lapsed:
        return f"{record.action} after the lease of the freeze had passed"
    if (facts.phase, record.phase) != (before, after):
        return f"{record.action} leads from {before} to {after}, not from {facts.phase} to {record.phase}"
    if record.action != "switched" and (record.epoch, record.owner) != (facts.epoch, facts.owner):
        return f"{record.action} changed epoch or owner"
    return None


def drained(known: Known, record: Record) -> Why:
    """F2, as far as the trace shows deliveries."""
    return _next(known, record, "frozen", "drained") or under_way(_moving(known), known.facts.owner)


def lock_intended(known: Known, record: Record) -> Why:
    """L1: the phase stays, the intent is written: for one company, or for all."""
    why = _next(known, record, "drained", "drained")
    if why is None:
        known.intended |= {record.company} if record.company else known.companies
    return why


def locked(known: Known, record: Record) -> Why:
    """L4: every company is read back."""
    if not known.intended:
        return "locked without a lock intent"
    return _next(known, record, "drained", "locked") or _read_back(known.companies, record)


def _read_back(companies: Set[str], record: Record) -> Why:
    missing = companies - set(record.companies)
    return f"{record.action} without reading back {', '.join(sorted(missing))}" if missing else None


def verified(known: Known, record: Record) -> Why:
    """F5, as far as the trace shows deliveries."""
    return _next(known, record, "locked", "verified") or under_way(_moving(known), known.facts.owner) or complete(_moving(known))


def switched(known: Known, record: Record) -> Why:
    """W1, as far as a trace can show it."""
    before = known.facts
    why = _next(known, record, "verified", "switched") or _lacks_approval(known, record.cutover)
    why = why or under_way(_moving(known), before.owner) or complete(_moving(known))
    if why is None and (record.epoch != before.epoch + 1 or record.owner == before.owner):
        why = "a switch changes the owner and raises the epoch by one"
    if why is None:
        known.periods = [each for each in known.periods if each[0] < known.from_period] + [(known.from_period, record.owner)]
        known.intended = set()
    return why


def releasing(known: Known, record: Record) -> Why:
    """R: whoever comes next may give a cutover up."""
    before = known.facts
    if before.cutover is None or {record.cutover, record.about or record.cutover} != {before.cutover} or before.phase not in FREEZE_PHASES:
        return "a release of what is not frozen, or of another cutover"
    if (record.phase, record.epoch, record.owner) != ("releasing", before.epoch + 1, before.owner):
        return "a release raises the epoch by one, and leaves the owner"
    return None


def opened(known: Known, record: Record) -> Why:
    """R: only once every company with a lock intent was read back; after a switch, every company of the new owner."""
    before = known.facts
    if before.phase not in ("releasing", "switched"):
        return f"opened from {before.phase}"
    if record.about not in ("", before.cutover):
        return "opened by a cutover that is not active"
    if record.phase not in OPEN_PHASES or record.cutover is not None or (record.epoch, record.owner) != (before.epoch, before.owner):
        return "opening closes the cutover, and leaves epoch and owner"
    why = _read_back(known.companies if before.phase == "switched" else known.intended, record)
    if why is None:
        known.intended, known.from_period = set(), ""
    return why


def lapsed(known: Known, record: Record) -> Why:
    """Somebody has noticed that the lease passed."""
    return unchanged(known, record) or (None if known.facts.phase in FREEZE_PHASES and record.lapsed else "nothing was there to lapse")


def _moving(known: Known) -> Mapping[tuple[str, str, str], Held]:
    return {key: held for key, held in known.deliveries.items() if not held.pinned and not known.stays(held.period)}
