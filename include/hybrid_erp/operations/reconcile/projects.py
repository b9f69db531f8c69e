"""Tier 2: projects, by number, status and contract value. They book nothing, and yet a region cannot move without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from hybrid_erp.model.books import ProjectFigures
from hybrid_erp.model.delivery import PostingState
from hybrid_erp.model.posting_facts import PostingFacts
from hybrid_erp.model.reconciliation import Difference, DifferenceClass
from hybrid_erp.operations.reconcile.classify import class_of_unposted


def unequal_projects(
    legal_entity: str,
    legacy: tuple[str, Sequence[ProjectFigures]],
    cloud: tuple[str, Sequence[ProjectFigures]],
    postings: Mapping[str, UUID],
    facts: Mapping[UUID, PostingFacts],
) -> list[Difference]:
    """Projects that one ERP lacks, or holds in another status; each ERP with its name. `postings`: the latest of each project."""
    sides = [{project.number: project for project in projects} for _, projects in (legacy, cloud)]
    found = []
    for number in sorted({*sides[0], *sides[1]}):
        one, other = (side.get(number) for side in sides)
        unequal = _unequal(one, other) if one is not None and other is not None else []
        if one is not None and other is not None and not unequal:
            continue
        posting_id = postings.get(number)
        known = facts.get(posting_id) if posting_id else None
        lacking = cloud[0] if other is None else legacy[0] if one is None else None
        difference_class, why = _class(lacking, known, legacy[0] if one else cloud[0], legacy[0])
        aspect = f"missing in {lacking}" if lacking else ", ".join(unequal)
        found.append(
            Difference(
                difference_class,
                legal_entity,
                aspect,
                (),
                legacy=_told(one),
                cloud=_told(other),
                posting_id=posting_id,
                legacy_id=one.native_id if one else None,
                cloud_id=other.native_id if other else None,
                number=number,
                document_type="project",
                why=why,
            )
        )
    return found


def _unequal(one: ProjectFigures, other: ProjectFigures) -> list[str]:
    """On what two ERPs disagree that both tell. What is billed, what it costs and unbilled time are told by their documents and entries."""
    aspects = ["status"] if one.status != other.status else []
    if one.contract_value is not None and other.contract_value is not None and one.contract_value != other.contract_value:
        aspects.append("contract value")
    return aspects


def _told(project: ProjectFigures | None) -> str:
    if project is None:
        return "nothing"
    value = f", contract value {project.contract_value:,}" if project.contract_value is not None else ""
    return f"{project.name}, {project.status}{value}"


def _class(lacking: str | None, known: PostingFacts | None, holder: str, legacy: str) -> tuple[DifferenceClass, str]:
    if known is None:
        native = DifferenceClass.NATIVE_IN_LEGACY if holder == legacy else DifferenceClass.NATIVE_IN_CLOUD
        return native, f"A person entered it in {holder}: have its source send it, or enter it in the other ERP too."
    for erp, at in known.at.items():
        if at.state is not PostingState.POSTED:
            return class_of_unposted(erp, at)
    if lacking is not None and lacking in known.at:
        return DifferenceClass.DELETED_AFTER_POSTING, f"{lacking} held it and does not any more: enter it there again."
    if lacking is not None:
        return DifferenceClass.UNEXPLAINED, f"It was never to be sent to {lacking}."
    return DifferenceClass.CHANGED_AFTER_POSTING, "Both ERPs held it alike: one was changed since."
