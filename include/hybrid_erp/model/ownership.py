"""Who owns what, since which accounting period, and in which phase a region's move is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, NewType

from pydantic import AfterValidator, StringConstraints

ErpId = NewType("ErpId", str)
"""The name of a configured ERP, for example `ledgersmb-emea`."""
Region = NewType("Region", str)
"""The legal entities that cut over together."""

_PERIOD = re.compile(r"^\d{4}-(0[1-9]|1[0-2])$")


def _accounting_period(text: str) -> str:
    if not _PERIOD.match(text):
        raise ValueError(f"{text!r} is no accounting period; write it like 2026-03")
    return text


AccountingPeriod = Annotated[str, AfterValidator(_accounting_period)]
"""A month of the fiscal calendar, written so that text order is time order: `2026-03`."""
LegalEntity = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,10}$")]
"""A company code, for example `DE01`."""


def period_of(day: date) -> str:
    """The accounting period of a day."""
    return f"{day.year:04d}-{day.month:02d}"


def next_period(period: str) -> str:
    """The accounting period after this one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def first_day(period: str) -> date:
    """The first day of an accounting period."""
    return date(int(period[:4]), int(period[5:]), 1)


class PostingKind(StrEnum):
    """What is owned separately; REFERENCE documents have no owning ERP and go to every ERP concerned (ACCOUNTING B7)."""

    PROJECT = "project"
    BILLING = "billing"
    LEDGER = "ledger"
    REFERENCE = "reference"


OWNED_KINDS = (PostingKind.PROJECT, PostingKind.BILLING, PostingKind.LEDGER)


class Phase(StrEnum):
    """How far a region's move is (PROTOCOL C7, F, R). In an open phase every claim is allowed."""

    LEGACY_ONLY = "legacy_only"
    DUAL_RUN = "dual_run"
    FROZEN = "frozen"
    DRAINED = "drained"
    LOCKED = "locked"
    VERIFIED = "verified"
    SWITCHED = "switched"
    RELEASING = "releasing"
    HYPERCARE = "hypercare"
    CLOUD_ONLY = "cloud_only"

    @property
    def open(self) -> bool:
        """Whether new control claims are allowed."""
        return self in OPEN_PHASES


OPEN_PHASES = frozenset({Phase.LEGACY_ONLY, Phase.DUAL_RUN, Phase.HYPERCARE, Phase.CLOUD_ONLY})


@dataclass(frozen=True, slots=True)
class Ownership:
    """Which ERP owns a kind of posting of a region from an accounting period on."""

    region: Region
    kind: PostingKind
    from_period: str
    owner: ErpId
    candidate: ErpId | None
    phase: Phase
    epoch: int
    pin_version: int


@dataclass(frozen=True, slots=True)
class Pin:
    """An entity that stays with one ERP, whatever its region does; its invoices and entries follow it."""

    region: Region
    routing_key: str
    erp: ErpId
    reason: str
    bridge_account: str
