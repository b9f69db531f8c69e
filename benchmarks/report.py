"""What a benchmark says: a figure, its baseline, their ratio."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULT = Path("build/bench.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `limit` is what the ratio, or without a baseline the value, should keep to; `higher_is_better` turns it round."""

    name: str
    value: float
    baseline: float | None
    ratio: float | None
    unit: str
    n: int
    limit: float | None = None
    higher_is_better: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        judged = self.ratio if self.ratio is not None else self.value
        if self.limit is None:
            return None
        return judged >= self.limit if self.higher_is_better else judged <= self.limit


@dataclass
class Report:
    """Figures as they come, on the screen and in `build/bench.json`."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)
        baseline = f", baseline {figure.baseline:,.4g} {figure.unit}, ratio {figure.ratio:.3g}" if figure.baseline is not None else ""
        verdict = {None: "", True: "  kept", False: "  NOT KEPT"}[figure.kept]
        limit = f" (limit {'>=' if figure.higher_is_better else '<='} {figure.limit:g})" if figure.limit is not None else ""
        print(f"{figure.name}: {figure.value:,.4g} {figure.unit}{baseline}, n={figure.n}{limit}{verdict}", flush=True)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps([asdict(each) for each in self.figures], indent=1))


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began_at = time.perf_counter()
    work()
    return time.perf_counter() - began_at


def interleaved(ours: Sequence[Callable[[], object]], baseline: Sequence[Callable[[], object]]) -> tuple[float, float, float]:
    """Median seconds of ours, of the baseline, and the median of their ratios, taken in turn so that a noisy machine hits both."""
    pairs = [(timed(one), timed(other)) for one, other in zip(ours, baseline, strict=True)]
    seconds, baselines = zip(*pairs, strict=True)
    return statistics.median(seconds), statistics.median(baselines), statistics.median(one / other for one, other in pairs)
