"""Who is told of spans and metrics: Airflow's own providers in its processes, and those that the environment names in ours."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from hybrid_erp.adapters.store.claims import Queue
from hybrid_erp.adapters.telemetry import Instruments, Journey, context_of, is_configured, named, task_at_work
from hybrid_erp.adapters.told import ToldClaims, ToldConnector, ToldSettlements
from hybrid_erp.flow.checks import Require, anything
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.intake import Intake, IntakeAnswer
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE

if TYPE_CHECKING:
    from hybrid_erp.web.api import Takes  # a worker has no use for the web

#: Where telemetry is sent, by the names that OpenTelemetry has for it. Nothing set: nothing is made and nothing is sent.
ENDPOINTS: Final = {
    "traces": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    "metrics": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
}
SERVICE: Final = "OTEL_SERVICE_NAME"


def provide() -> None:
    """In a process of our own: send by OTLP over HTTP to where the environment says, if it says so."""
    wanted = {signal for signal, names in ENDPOINTS.items() if any(os.environ.get(name) for name in names)}
    if not wanted:
        return
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({} if os.environ.get(SERVICE) else {"service.name": "hybrid-erp-api"})
    if "traces" in wanted:
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    if "metrics" in wanted:
        metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource))


def instruments() -> Instruments | None:
    """Those of the configured providers; None where nobody listens."""
    return Instruments() if is_configured() else None


def told_worker(worker: Worker[Queue], by: Instruments | None) -> Worker[Queue]:
    """The same worker, whose steps are told."""
    if by is None:
        return worker
    journey, delivery = Journey(by), worker.delivery
    told = replace(
        delivery,
        connector=ToldConnector(delivery.connector, journey),
        reader=ToldConnector(delivery.reader, journey) if delivery.reader else None,
        settlements=ToldSettlements(delivery.settlements, journey),
    )
    return replace(worker, claims=ToldClaims(worker.claims, journey), delivery=told)


def told_intake(intake: Intake, by: Instruments | None) -> Takes:
    """The same intake, whose answers are told."""
    return intake if by is None else ToldIntake(intake, by)


@dataclass(frozen=True, slots=True)
class ToldIntake:
    """Intake, each answer told: how long it took, and for whom. Nothing of a refused event but its type and the refusal's code."""

    inner: Intake
    instruments: Instruments

    def accept(self, events: Sequence[Any], *, accepted_by: str, require: Require = anything) -> list[IntakeAnswer]:
        """As the wrapped one."""
        began = time.time_ns()
        answers = self.inner.accept(events, accepted_by=accepted_by, require=require)
        ended = time.time_ns()
        for event, answer in zip(events, answers, strict=True):
            self._tell(event, answer, began, ended)
        return answers

    def _tell(self, event: Any, answer: IntakeAnswer, began: int, ended: int) -> None:
        attributes = named(_of_event(event, answer))
        self.instruments.events.add(1, attributes)
        self.instruments.steps.record((ended - began) / 1e9, attributes | {"hybrid_erp.step": "intake"})
        if answer.posting_id is None:
            return
        context = context_of(answer.posting_id, event.get("traceparent"))
        correlation_id = event.get("correlationid") or f"{event['source']}/{event['id']}"
        ids = named({"posting_id": str(answer.posting_id), "correlation_id": correlation_id})
        span = self.instruments.tracer.start_span(
            "intake", context, SpanKind.SERVER, attributes | ids, links=task_at_work(), start_time=began
        )
        span.end(ended)


def _of_event(event: Any, answer: IntakeAnswer) -> Mapping[str, str]:
    document = DOCUMENTS_BY_TYPE.get(str(event.get("type"))) if isinstance(event, dict) else None
    return {
        "kind": document.kind.value if document else "unknown",
        "document_type": document.document_type.value if document else "unknown",
        "region": answer.regions[0] if len(answer.regions) == 1 else "several" if answer.regions else "none",
        "class": answer.refusal.code if answer.refusal else answer.verdict.value,
    }
