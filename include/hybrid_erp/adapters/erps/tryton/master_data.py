"""Customers, projects, tasks and time in Tryton: effective when they are made, without a draft.

A customer's number is Tryton's unique party code. Projects and time have no unique field that can be written: they are looked up only.
A later version of a customer or project changes the record that is there, and leaves the earlier versions' marks beside its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hybrid_erp.adapters.erps.tryton.client import RefusedError, TrytonClient
from hybrid_erp.adapters.erps.tryton.directory import Directory, ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.master_data_reading import MARKS, MODELS, PARTY, TIME, WORK, texts_of
from hybrid_erp.adapters.erps.tryton.text import mark
from hybrid_erp.adapters.erps.tryton.values import Row, as_date, begins_with
from hybrid_erp.model.delivery import FailureClass, Submission
from hybrid_erp.model.documents import Customer, DocumentType, Project, ProjectTask, TimeEntry
from hybrid_erp.model.documents.project import ProjectStatus
from hybrid_erp.model.mapping import Mapping

#: The contact mechanism that bears our marks; a party has no text field of its own.
_OUR_MECHANISM: Final = "Hybrid ERP"


@dataclass(frozen=True, slots=True)
class MasterDataWriter:
    """Saves what has no draft; each method answers with the record's id and raises as the client and the directory do."""

    directory: Directory
    mapping: Mapping
    legal_entity: str

    def save(self, submission: Submission) -> str:
        """Save the document's state; its native id."""
        document = submission.document
        writers: dict[DocumentType, Callable[[str], int]] = {}
        match document:
            case Customer():
                writers[document.document_type] = lambda text: self._customer(document, text)
            case Project():
                writers[document.document_type] = lambda text: self._project(document, text)
            case ProjectTask():
                writers[document.document_type] = lambda text: self._task(document, text)
            case TimeEntry():
                writers[document.document_type] = lambda text: self._time(document, text)
        text = mark(document.document_type, document.number, submission.key, submission.content_hash)
        return f"{MODELS[document.document_type]},{writers[document.document_type](text)}"

    @property
    def _client(self) -> TrytonClient:
        return self.directory.client

    def _customer(self, customer: Customer, text: str) -> int:
        term = self.directory.term(self.mapping.native_payment_term(customer.payment_term, legal_entity=self.legal_entity))
        row: Row = {"name": customer.name, "customer_payment_term": term}
        row["contact_mechanisms"] = [["create", [{"type": "other", "name": _OUR_MECHANISM, "value": text}]]]
        found = self.directory.find_party(customer.number)
        if found is None:
            identifiers = [{"code": customer.tax_number}] if customer.tax_number else []
            new = row | {"code": customer.number, "addresses": [["create", [{}]]], "identifiers": [["create", identifiers]]}
            try:
                return self._client.create(PARTY, new)
            except RefusedError:
                found = self.directory.find_party(customer.number)  # its code is unique: somebody was faster
                if found is None:
                    raise
        if text not in self._marks_of(PARTY, found.id):
            self._client.change(PARTY, found.id, row)
        return found.id

    def _project(self, project: Project, text: str) -> int:
        row: Row = {
            "type": "project",
            "company": self.directory.company,
            "party": self.directory.party(project.customer).id,
            "timesheet_available": True,
            "status": self._status("project", done=project.status is ProjectStatus.CLOSED),
        }
        found = self._works("project", project.number)
        if project.status is ProjectStatus.CLOSED:
            row["progress"] = 1.0
            for work in found:
                self._complete_tasks(int(work["id"]))
        return self._save_work(project.number, project.name, row, text, found)

    def _complete_tasks(self, project: int) -> None:
        """Tryton closes a project only with all of it done: its tasks first."""
        done = {"progress": 1.0, "status": self._status("task", done=True)}
        for task in self._client.search(WORK, [["type", "=", "task"], ["parent", "=", project]], []):
            self._client.change(WORK, int(task["id"]), dict(done))

    def _task(self, task: ProjectTask, text: str) -> int:
        parent = self._require_project(task.project)
        row: Row = {"type": "task", "company": self.directory.company, "parent": parent, "timesheet_available": True}
        if task.planned_hours is not None:
            row["effort_duration"] = {"__class__": "timedelta", "seconds": float(task.planned_hours * 3600)}
        return self._save_work(task.number, task.name, row, text, self._works("task", task.number, parent))

    def _save_work(self, number: str, name: str, row: Row, text: str, found: Sequence[Row]) -> int:
        row["name"] = f"{number} {name}"
        if not found:
            return self._client.create(WORK, row | {"comment": text})
        marks = str(found[0]["comment"] or "")
        if text not in marks:
            self._client.change(WORK, found[0]["id"], row | {"comment": f"{marks}\n{text}".strip()})
        return int(found[0]["id"])

    def _time(self, entry: TimeEntry, text: str) -> int:
        project = self._require_project(entry.project)
        tasks = self._works("task", entry.task, project) if entry.task else []
        if entry.task and not tasks:
            raise ReferenceRefusedError(FailureClass.VALIDATION, f"Tryton has no task {entry.task!r} of project {entry.project!r}.")
        row: Row = {
            "company": self.directory.company,
            "employee": self._employee(entry.worker),
            "date": as_date(entry.worked_on),
            "duration": {"__class__": "timedelta", "seconds": float(entry.hours * 3600)},
            "work": self._timesheet_work(int(tasks[0]["id"]) if tasks else project),
            "description": text,
        }
        return self._client.create(TIME, row)

    def _timesheet_work(self, work: int) -> int:
        rows = self._client.search(WORK, [["id", "=", work]], ["timesheet_works.id"])
        if not rows[0]["timesheet_works"]:
            self._client.change(WORK, work, {"timesheet_available": True})
            rows = self._client.search(WORK, [["id", "=", work]], ["timesheet_works.id"])
        return int(rows[0]["timesheet_works"][0]["id"])

    def _employee(self, worker: str) -> int:
        """A worker by the pseudonymous number, which is the party code; made when first named (ACCOUNTING D30: no name, no contact)."""
        rows = self._client.search("company.employee", [["party.code", "=", worker], ["company", "=", self.directory.company]], [], limit=1)
        if rows:
            return int(rows[0]["id"])
        party = self.directory.find_party(worker)
        party_id = party.id if party else self._client.create(PARTY, {"code": worker, "name": worker})
        return self._client.create("company.employee", {"party": party_id, "company": self.directory.company})

    def _require_project(self, number: str) -> int:
        found = self._works("project", number)
        if not found:
            raise ReferenceRefusedError(FailureClass.VALIDATION, f"Tryton has no project {number!r}.")
        return int(found[0]["id"])

    def _works(self, kind: str, number: str, parent: int | None = None) -> list[Row]:
        """Projects or tasks whose name begins with the number, the oldest first."""
        begins = begins_with(f"{number} ")
        domain = [["type", "=", kind], ["name", "like", begins], ["company", "=", self.directory.company]]
        domain += [["parent", "=", parent]] if parent is not None else []
        return self._client.search(WORK, domain, ["comment"], order=[["id", "ASC"]])

    def _status(self, kind: str, *, done: bool) -> int:
        rows = self._client.search("project.work.status", [["types", "in", [kind]]], ["progress"], order=[["id", "ASC"]])
        matching = [row["id"] for row in rows if (row["progress"] == 1) is done] or [row["id"] for row in rows]
        return int(matching[0])

    def _marks_of(self, model: str, record: int) -> str:
        rows = self._client.search(model, [["id", "=", record]], [MARKS[model]])
        return "\n".join(text for row in rows for text in texts_of(model, row))
