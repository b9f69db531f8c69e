"""Spans and metrics (OpenTelemetry) of a posting's way: ids, counts and seconds, never a payload.

Their names and attributes are in docs/metrics.md. A message of an ERP or of an error may quote a document, so only its class is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from hybrid_erp.model.claim import Claim

SCOPE: Final = "hybrid_erp"
#: From a fast store to an ERP that takes its time; in seconds.
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: A posting may wait out a freeze, or an ERP that is down over a weekend; in seconds.
WAITED_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 43200.0, 259200.0)


def is_configured() -> bool:
    """Whether somebody listens: a provider of the API's own modules is the one that does nothing."""
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    return any(not type(each).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics")) for each in providers)


def context_of(posting_id: UUID, traceparent: str | None) -> Context:
    """The trace that a posting's spans belong to: its sender's, or one that bears the posting's own id."""
    sent = _sent(traceparent) if traceparent else None
    own = SpanContext(posting_id.int, posting_id.int & (2**64 - 1), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(sent or own), Context())


def _sent(traceparent: str) -> SpanContext | None:
    _, trace_id, span_id, flags = traceparent.split("-")
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return context if context.is_valid else None


def traceparent_of(span: Span) -> str | None:
    """What is handed on to the next system; None where the span is told to nobody."""
    if not span.is_recording():
        return None
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def task_at_work() -> list[Link]:
    """The span that is open here, of an Airflow task or of a request: another trace, in which this was done."""
    here = trace.get_current_span().get_span_context()
    return [Link(here)] if here.is_valid else []


@dataclass(frozen=True, slots=True)
class Instruments:
    """Everything that is counted or timed; made once a process and provider."""

    tracer: trace.Tracer = field(default_factory=lambda: trace.get_tracer(SCOPE))
    meter: metrics.Meter = field(default_factory=lambda: metrics.get_meter(SCOPE))
    steps: metrics.Histogram = field(init=False)
    waited: metrics.Histogram = field(init=False)
    events: metrics.Counter = field(init=False)
    settled: metrics.Counter = field(init=False)

    def __post_init__(self) -> None:
        """Name them."""
        timed = self.meter.create_histogram
        made = {
            "steps": timed("hybrid_erp.step.duration", "s", "One step of a posting's way.", explicit_bucket_boundaries_advisory=SECONDS),
            "waited": timed(
                "hybrid_erp.wait.duration", "s", "From acceptance to the claim.", explicit_bucket_boundaries_advisory=WAITED_SECONDS
            ),
            "events": self.meter.create_counter("hybrid_erp.intake.events", "{event}", "Events that were answered."),
            "settled": self.meter.create_counter("hybrid_erp.settled", "{posting}", "What became of claims."),
        }
        for name, instrument in made.items():
            object.__setattr__(self, name, instrument)


def of_claim(claim: Claim) -> dict[str, str]:
    """What metrics are told by."""
    return {
        "erp": claim.erp,
        "region": claim.region,
        "kind": claim.document.kind.value,
        "document_type": claim.document.document_type.value,
        "role": claim.role.value,
    }


@dataclass(frozen=True, slots=True)
class Journey:
    """One worker's claims on their way, and how their steps are told."""

    instruments: Instruments
    claims: dict[UUID, Claim] = field(default_factory=dict)
    """By posting: what is read back or found knows its posting alone."""
    links: Sequence[Link] = field(default_factory=task_at_work)
    """To the task that works; its threads do not know of it."""

    @contextmanager
    def step(self, name: str, claim: Claim, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Step]:
        """One step of one posting."""
        began = time.time_ns()
        span = self._begin(name, claim, began, kind)
        step = Step(span)
        try:
            yield step
        except Exception as error:
            step.came_to = type(error).__name__  # its words may quote a document
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            self._end(name, claim, span, step.came_to, began)

    def tell(self, name: str, claim: Claim, began: int, came_to: str, kind: SpanKind = SpanKind.INTERNAL) -> None:
        """A step of several postings at once, told of each when it is over; `began` in nanoseconds since 1970."""
        self._end(name, claim, self._begin(name, claim, began, kind), came_to, began)

    def _begin(self, name: str, claim: Claim, began: int, kind: SpanKind) -> Span:
        ids = {"posting_id": str(claim.posting_id), "correlation_id": claim.correlation_id, "legal_entity": claim.legal_entity}
        attributes = named(of_claim(claim) | ids) | {"hybrid_erp.attempt": claim.attempt}
        context = context_of(claim.posting_id, claim.traceparent)
        return self.instruments.tracer.start_span(name, context, kind, attributes, links=self.links, start_time=began)

    def _end(self, name: str, claim: Claim, span: Span, came_to: str, began: int) -> None:
        ended = max(time.time_ns(), began)  # a clock may be set back meanwhile
        span.set_attribute("hybrid_erp.class", came_to)
        span.end(ended)
        self.instruments.steps.record((ended - began) / 1e9, named(of_claim(claim) | {"step": name, "class": came_to}))


@dataclass(slots=True)
class Step:
    """A step that is under way."""

    span: Span
    came_to: str = "done"


def named(attributes: Mapping[str, str]) -> dict[str, str | int]:
    """Attributes under our own name."""
    return {f"hybrid_erp.{name}": value for name, value in attributes.items()}
