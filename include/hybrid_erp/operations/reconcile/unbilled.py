"""Tier 2: hours that nobody has billed yet, by project; and the entries, of those projects alone on which the ERPs differ.

Time books nothing, so no trial balance shows that an entry is missing: this does. Hours are what both ERPs tell; what they are worth only
an ERP that keeps rates. A difference moves what its hours are worth, by that ERP or by their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from hybrid_erp.model.books import ProjectFigures, TimeFigures
from hybrid_erp.model.delivery import PostingState
from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.model.posting_facts import PostingFacts, TimeTerms
from hybrid_erp.model.reconciliation import Difference, DifferenceClass
from hybrid_erp.operations.load.opening import PREFIX
from hybrid_erp.operations.reconcile.classify import HAVE_IT_SENT, Found, class_of_unposted
from hybrid_erp.operations.reconcile.project_figures import HOURS, HOURS_DIGITS, UNBILLED, Shares

Hours = tuple[Decimal | None, Decimal | None]
"""In the legacy and in the cloud ERP; None: it tells of none."""


def hours_by_project(
    legacy: Iterable[ProjectFigures], cloud: Iterable[ProjectFigures], unbillable: tuple[Mapping[str, Decimal], Mapping[str, Decimal]]
) -> dict[str, Hours]:
    """Unbilled hours in both. What an ERP cannot mark as unbillable is taken out by what was sent to it (`unbillable`, of both ERPs)."""
    sides = [
        {each.number: _hours(each, never_billed.get(each.number, ZERO)) for each in projects}
        for projects, never_billed in zip((legacy, cloud), unbillable, strict=True)
    ]
    return {project: (_side(sides[0], project), _side(sides[1], project)) for project in {*sides[0], *sides[1]}}


def _hours(project: ProjectFigures, never_billed: Decimal) -> Decimal | None:
    if project.unbilled_hours is None:
        return None
    return (project.unbilled_hours - (never_billed if project.counts_unbillable else ZERO)).quantize(HOURS_DIGITS)


def _side(hours: Mapping[str, Decimal | None], project: str) -> Decimal | None:
    """A project that an ERP lacks has no hours there; an ERP that keeps none of any project tells none."""
    return hours.get(project, None if hours and None in hours.values() else ZERO)


def unequal(hours: Mapping[str, Hours]) -> frozenset[str]:
    """The projects on which both tell hours, and other ones."""
    return frozenset(project for project, (one, other) in hours.items() if one is not None and other is not None and one != other)


@dataclass(frozen=True, slots=True)
class TimeComparison:
    """Of one legal entity: the names of its two ERPs, and what the store knows of the entries in question."""

    legal_entity: str
    currency: str
    """Functional."""
    legacy: str
    cloud: str
    facts: Mapping[UUID, PostingFacts]
    terms: Mapping[UUID, TimeTerms]

    def differences(self, legacy: Sequence[TimeFigures], cloud: Sequence[TimeFigures], shares: Shares) -> Iterator[Difference]:
        """Each entry that differs, in its class; `shares` gets its hours."""
        sides = self._by_entry(legacy), self._by_entry(cloud)
        for key in sorted({*sides[0], *sides[1]}):
            one, other = (side.get(key) for side in sides)
            gap = (other.hours if other else ZERO) - (one.hours if one else ZERO)
            shown = one or other
            if not gap.quantize(HOURS_DIGITS) or shown is None:
                continue
            found = self._class(one, other)
            shares.add((shown.project, HOURS), found[0], gap)
            worth = self._worth(one, other, gap)
            shares.add((shown.project, UNBILLED), found[0], worth)
            yield self._told(found, one, other, abs(worth))

    def _by_entry(self, entries: Iterable[TimeFigures]) -> dict[str, TimeFigures]:
        """By what both ERPs know an entry by: our key; one that the load brought by the native id that it has in the legacy ERP."""
        return {self._key(entry): entry for entry in entries if (terms := self._terms(entry)) is None or terms.billable}

    def _terms(self, entry: TimeFigures) -> TimeTerms | None:
        return self.terms.get(entry.posting_id) if entry.posting_id else None

    def _key(self, entry: TimeFigures) -> str:
        known = self.facts.get(entry.posting_id) if entry.posting_id else None
        if known is not None and known.number.startswith(f"{PREFIX}/"):
            return known.number.removeprefix(f"{PREFIX}/")
        return str(entry.posting_id or entry.native_id)

    def _class(self, one: TimeFigures | None, other: TimeFigures | None) -> Found:
        if one is not None and other is not None:
            return DifferenceClass.CHANGED_AFTER_POSTING, "Both ERPs held the same hours: one was changed since."
        shown, holder, lacking = (one, self.legacy, self.cloud) if one is not None else (other, self.cloud, self.legacy)
        assert shown is not None
        if shown.posting_id is None:
            native = DifferenceClass.NATIVE_IN_LEGACY if holder == self.legacy else DifferenceClass.NATIVE_IN_CLOUD
            return native, f"A person entered it in {holder}; time is not captured. {HAVE_IT_SENT}"
        known = self.facts.get(shown.posting_id)
        if known is None:
            return DifferenceClass.UNEXPLAINED, f"It bears the key {shown.posting_id}, which the store does not know."
        at = known.at.get(lacking)
        if at is None:
            return self._never_sent(known, holder, lacking)
        if at.state is not PostingState.POSTED:
            return class_of_unposted(lacking, at)
        if at.after_reading:
            return DifferenceClass.IN_FLIGHT, f"Posted in {lacking} while the ERPs were read."
        return self._gone(lacking)

    def _never_sent(self, known: PostingFacts, holder: str, lacking: str) -> Found:
        if known.number.startswith(f"{PREFIX}/"):
            return self._gone(lacking)
        other = known.at.get(holder)
        if known.joins_later:
            return DifferenceClass.IN_FLIGHT, "Its project is not yet among those that are posted to both ERPs: raise the share."
        if other is not None and (other.open or other.after_reading):
            return DifferenceClass.IN_FLIGHT, "Its first ERP holds it; that it is settled is being written down."
        return DifferenceClass.UNEXPLAINED, f"It was never to be sent to {lacking}."

    def _gone(self, lacking: str) -> Found:
        why = f"{lacking} held it as time to be billed and does not any more: it was billed or deleted there, and not in the other ERP."
        return DifferenceClass.CHANGED_AFTER_POSTING, why

    def _told(self, found: Found, one: TimeFigures | None, other: TimeFigures | None, worth: Decimal) -> Difference:
        shown = one or other
        assert shown is not None
        known = self.facts.get(shown.posting_id) if shown.posting_id else None
        lacking = self.cloud if other is None else self.legacy if one is None else None
        return Difference(
            found[0],
            self.legal_entity,
            f"unbilled time missing in {lacking}" if lacking else HOURS,
            (),
            legacy=_words(one),
            cloud=_words(other),
            posting_id=shown.posting_id,
            legacy_id=one.native_id if one else None,
            cloud_id=other.native_id if other else None,
            number=known.number if known else shown.native_id,
            document_type="time_entry",
            why=found[1],
            moved=worth,
        )

    def _worth(self, one: TimeFigures | None, other: TimeFigures | None, gap: Decimal) -> Decimal:
        """What the hours are worth at the rate that an ERP keeps, else at their source's; nothing without one, or in a foreign currency."""
        told = [(entry.rate, entry.currency) for entry in (one, other) if entry is not None]
        told += [(terms.rate, terms.currency) for entry in (one, other) if entry is not None and (terms := self._terms(entry)) is not None]
        rate = next((rate for rate, currency in told if rate is not None and currency == self.currency), ZERO)
        return round_money(gap * rate, self.currency)


def _words(entry: TimeFigures | None) -> str:
    if entry is None:
        return "nothing"
    rate = f" at {entry.rate:,} {entry.currency}" if entry.rate is not None else ""
    task = f"/{entry.task}" if entry.task else ""
    return f"{entry.hours:,.2f} h of {entry.worker} on {entry.project}{task}, {entry.worked_on}{rate}"
