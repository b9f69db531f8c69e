"""How every check words its answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hybrid_erp.model.cutover import CheckResult, Verdict

TOLD_MAX: Final = 5
"""How many findings are told one by one; the evidence has them all."""


def answer(
    module: str,
    *,
    failures: Sequence[str] = (),
    warnings: Sequence[str] = (),
    well: str,
    remedy: str,
    evidence: dict[str, Any] | None = None,
) -> CheckResult:
    """Fail on a failure, else warn on a warning, else pass. `well` says what was found where all is well."""
    verdict = Verdict.FAIL if failures else Verdict.WARN if warnings else Verdict.PASS
    found = listed([*failures, *warnings]) if verdict is not Verdict.PASS else well
    return CheckResult(name_of(module), verdict, sentence(found), "" if verdict is Verdict.PASS else remedy, evidence or {})


def name_of(module: str) -> str:
    """A check is called as its module."""
    return module.rpartition(".")[2]


def listed(found: Iterable[object]) -> str:
    """The first few, and how many more there are."""
    words = [str(each).rstrip(".") for each in found]
    more = f"; and {len(words) - TOLD_MAX} more" if len(words) > TOLD_MAX else ""
    return "; ".join(words[:TOLD_MAX]) + more


def sentence(words: str) -> str:
    """With a full stop."""
    return words if words.endswith(".") else f"{words}."


def instant(at: datetime) -> str:
    """To the second, in UTC: what people read and a hash covers."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
