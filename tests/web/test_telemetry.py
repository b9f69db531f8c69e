"""One posting is one trace, from its sender to the ERP; what is counted says where and of what kind; and nothing of its content is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hybrid_erp.adapters.telemetry import Instruments
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.model.delivery import FailureClass, Outcome, Rejected, Retry, Submission
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.ports import KeepDraft
from hybrid_erp.web.api import Facade, build_api
from hybrid_erp.wiring.telemetry import told_intake, told_worker
from sandbox.site import plain_environment
from tests.builders import a_journal_entry
from tests.fakes import FakeErp, FakeLogin
from tests.stores import LEGACY, SETTINGS, Store
from tests.web.client import Client

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
OUR_OWN = {"region": "emea", "kind": "ledger", "document_type": "journal_entry"}
SECRET = "a word of the document that nobody else may read"


@dataclass
class Listener:
    """Somebody who listens: an SDK with its exporters in memory."""

    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    metrics: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracing, self.metering = TracerProvider(), MeterProvider([self.metrics])
        self.tracing.add_span_processor(SimpleSpanProcessor(self.spans))
        self.instruments = Instruments(self.tracing.get_tracer("tests"), self.metering.get_meter("tests"))

    def told(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The attributes of everything that was counted or timed under a name, without our prefix, and the point itself."""
        data = self.metrics.get_metrics_data()
        found = [each for of in data.resource_metrics for scope in of.scope_metrics for each in scope.metrics] if data else []
        points = [point for each in found if each.name == name for point in each.data.data_points]
        return [({key.removeprefix("hybrid_erp."): value for key, value in (point.attributes or {}).items()}, point) for point in points]

    def everything(self) -> str:
        data = self.metrics.get_metrics_data()
        return "".join(span.to_json() for span in self.spans.get_finished_spans()) + (data.to_json() if data else "")


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.tracing.shutdown()
    made.metering.shutdown()


Take = Callable[..., list[UUID]]


@pytest.fixture
def take(facade: Facade, store: Store, listener: Listener) -> Take:
    """Sends events by HTTP; the postings."""
    told = replace(facade, intake=told_intake(store.intake(), listener.instruments))
    client = Client(build_api(lambda: told, FakeLogin()))
    return lambda *events: [UUID(each["posting_id"]) for each in client.send(list(events)).json()["answers"] if "posting_id" in each]


def deliver(store: Store, listener: Listener, erp: FakeErp) -> None:
    delivery = Delivery(SETTINGS.firm, erp, store.settlements(), reader=erp)
    told_worker(Worker(LEGACY, "DE01", store.claims(), delivery, 60), listener.instruments).run(seconds=20)


def test_one_posting_is_one_connected_trace_from_its_sender_to_the_erp(store: Store, listener: Listener, take: Take) -> None:
    erp = FakeErp()
    (posting_id,) = take(a_journal_entry(traceparent=TRACEPARENT, correlationid="order-7"))
    deliver(store, listener, erp)

    spans = listener.spans.get_finished_spans()
    assert store.state(posting_id) == "posted"
    assert [span.name for span in sorted(spans, key=lambda span: span.start_time or 0)] == [
        "intake",
        "claim",
        "send",
        "read back",
        "settle",
    ]
    for span in spans:
        assert span.context is not None
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
        attributes = span.attributes or {}
        assert (attributes["hybrid_erp.posting_id"], attributes["hybrid_erp.correlation_id"]) == (str(posting_id), "order-7")
        assert (span.end_time or 0) >= (span.start_time or 0)
    (sending,) = listener.told("send")
    assert sending.context is not None
    (submission,) = erp.submissions
    assert submission.traceparent == f"00-{TRACE}-{sending.context.span_id:016x}-01", "the ERP goes on where we are"


def test_every_step_of_a_delivery_links_to_the_task_that_did_it(store: Store, listener: Listener, take: Take) -> None:
    take(a_journal_entry(traceparent=TRACEPARENT))
    with listener.tracing.get_tracer("airflow").start_as_current_span("task") as task:
        deliver(store, listener, FakeErp())

    for name in ("claim", "send", "read back", "settle"):
        (span,) = listener.told(name)
        assert [link.context.span_id for link in span.links] == [task.get_span_context().span_id]
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE


def test_a_posting_without_a_trace_is_one_under_its_own_id(store: Store, listener: Listener, take: Take) -> None:
    (posting_id,) = take(a_journal_entry())
    deliver(store, listener, FakeErp())

    traces = {span.context.trace_id for span in listener.spans.get_finished_spans() if span.context}
    assert traces == {posting_id.int}


def test_a_sender_that_samples_its_trace_away_is_not_told_of(store: Store, listener: Listener, take: Take) -> None:
    erp = FakeErp()
    unsampled = f"{TRACEPARENT[:-2]}00"
    take(a_journal_entry(traceparent=unsampled))
    deliver(store, listener, erp)

    assert listener.spans.get_finished_spans() == ()
    assert erp.submissions[0].traceparent == unsampled


def test_metrics_say_where_and_of_what_kind_and_what_it_came_to(store: Store, listener: Listener, take: Take) -> None:
    erp = FakeErp(refuses={"WRONG"})
    take(a_journal_entry(), a_journal_entry(number="WRONG"), a_journal_entry(lines=[]), {"type": "no type of ours"})
    deliver(store, listener, erp)

    accepted, *refused = sorted(listener.points("hybrid_erp.intake.events"), key=lambda each: each[0]["class"] != "accepted")
    assert (accepted[0], accepted[1].value) == (OUR_OWN | {"class": "accepted"}, 2)
    assert {each["document_type"] for each, _ in refused} == {"journal_entry", "unknown"}
    of_delivery = OUR_OWN | {"erp": LEGACY, "role": "control"}
    settled = sorted((each["state"], each["class"], point.value) for each, point in listener.points("hybrid_erp.settled"))
    assert settled == [("dead", "validation", 1), ("posted", "posted", 1)]
    steps = {(each["step"], each["class"]): point for each, point in listener.points("hybrid_erp.step.duration") if "erp" in each}
    assert steps.keys() == {
        ("claim", "claimed"),
        ("send", "posted"),
        ("send", "validation"),
        ("read back", "read"),
        ("settle", "posted"),
        ("settle", "validation"),
    }
    assert all(of_delivery.items() <= each.items() for each, _ in listener.points("hybrid_erp.settled"))
    ((waited_by, waited),) = listener.points("hybrid_erp.wait.duration")
    assert (waited_by, waited.count) == (of_delivery, 2)
    assert 0 < waited.sum < 60


def test_an_erp_that_fails_is_told_by_its_class_and_what_is_given_back_is_counted(store: Store, listener: Listener, take: Take) -> None:
    erp = FakeErp(outcomes=[Retry(FailureClass.TRANSIENT, "away")])
    take(a_journal_entry(), a_journal_entry())

    with pytest.raises(ErpUnavailableError):
        deliver(store, listener, erp)

    assert [dict(span.attributes or {})["hybrid_erp.class"] for span in listener.told("send")] == ["transient"]
    assert sorted(each["state"] for each, _ in listener.points("hybrid_erp.settled")) == ["given_back", "retry"]


def test_an_attempt_after_the_first_looks_the_posting_up(store: Store, listener: Listener, take: Take) -> None:
    erp = FakeErp()
    take(a_journal_entry(traceparent=TRACEPARENT))
    (claim,) = store.claim()
    store.expire(claim)
    deliver(store, listener, erp)

    (looked_up,) = listener.told("look up")
    attributes = looked_up.attributes or {}
    assert (attributes["hybrid_erp.class"], attributes["hybrid_erp.attempt"]) == ("not_found", 2)


def test_nothing_of_a_document_or_of_a_message_is_told(store: Store, listener: Listener, take: Take) -> None:
    class Talks(FakeErp):
        def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
            super().submit(submission, keep_draft)
            if len(self.submissions) == 1:
                raise RuntimeError(f"cannot book {SECRET}")
            return Rejected(FailureClass.VALIDATION, SECRET)

    take(a_journal_entry(description=SECRET, amount="7654.32"), {"type": SECRET, "data": SECRET}, a_journal_entry(number=SECRET))
    deliver(store, listener, Talks())

    assert {(span.attributes or {})["hybrid_erp.class"] for span in listener.told("send")} == {"RuntimeError", "validation"}
    assert SECRET not in listener.everything()
    assert "7654" not in listener.everything()


UNTOLD = """
import json, sys
from opentelemetry import metrics, trace
from hybrid_erp.wiring.telemetry import instruments, provide, told_worker
provide()
print(json.dumps({"told": instruments() is not None, "sdk": any(name.startswith("opentelemetry.sdk") for name in sys.modules)}))
"""


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:9"])
def test_nothing_configured_tells_nobody_and_loads_nothing(endpoint: str | None) -> None:
    path = ":".join(path for path in sys.path if path)
    environment = plain_environment() | {"PYTHONPATH": path} | ({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {})
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", UNTOLD], env=environment, check=True, capture_output=True, text=True)

    assert json.loads(done.stdout.splitlines()[-1]) == {"told": endpoint is not None, "sdk": endpoint is not None}
