"""A SQL pack: everything a connector must know of one ERP that is reached by SQL, in files, without Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from hybrid_erp.model.delivery import Capabilities, Capability, ConnectorClass, FailureClass
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ConfigurationError

Statement = Annotated[str, Field(min_length=1)]
SqlState = Annotated[str, Field(pattern=r"^[0-9A-Z]{5}$")]


class _PackModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Operation(_PackModel):
    """How one kind of native document is posted, found by key and read by id."""

    native: str = Field(description="The ERP's own word for what is made.")
    connector_class: Literal[ConnectorClass.UNIQUE] = Field(description="PROTOCOL S6 makes every SQL operation `unique`; a pack says so.")
    submit: Statement = Field(description="One transaction of its own; takes %(submission)s, answers with the native id.")
    find: Statement = Field(description="Takes %(keys)s; one JSON value for each document.")
    read: Statement = Field(description="Takes %(ids)s; one JSON value for each document.")
    held: Statement | None = Field(default=None, description="Everything that is there already: our number, native id.")

    @model_validator(mode="after")
    def statements_name_their_parameter(self) -> Self:
        """What goes to the ERP goes as a parameter."""
        for statement, parameter in ((self.submit, "submission"), (self.find, "keys"), (self.read, "ids")):
            if f"%({parameter})s" not in statement:
                raise ValueError(f"the statement {statement!r} does not take %({parameter})s")
        return self


class PeriodRun(_PackModel):
    """By what a periodic run's entries are known; any of these is enough. Patterns are those of SQL's LIKE."""

    native_types: frozenset[str] = Field(default=frozenset(), description="The ERP's own types of entries.")
    numbers: tuple[str, ...] = Field(default=(), description="Patterns of the entry's number.")
    texts: tuple[str, ...] = Field(default=(), description="Patterns of its description.")


class Books(_PackModel):
    """How the books are read: one statement for each question. What each takes and answers is said in pack.yaml."""

    functions: tuple[str, ...] = Field(default=(), description="Made once in a session that reads.")
    period_runs: dict[str, PeriodRun] = Field(default_factory=dict)
    chart: Statement
    movements: Statement
    open_receivables: Statement
    customers: Statement
    open_on: Statement
    projects: Statement
    unbilled_time: Statement
    series: Statement
    document_totals: Statement
    cursor: Statement
    changes: Statement
    days: Statement
    entries_on: Statement
    entries: Statement

    @model_validator(mode="after")
    def statements_name_their_parameters(self) -> Self:
        """Each takes what it is asked with."""
        for name, parameters in _BOOKS_PARAMETERS.items():
            for parameter in parameters:
                if f"%({parameter})s" not in getattr(self, name):
                    raise ValueError(f"the statement {name} does not take %({parameter})s")
        return self


_BOOKS_PARAMETERS: Final = {
    "open_on": ("day",),
    "changes": ("after", "limit", "thorough"),
    "days": ("account", "period"),
    "entries_on": ("account", "day"),
    "entries": ("ids",),
}


class Quiet(_PackModel):
    """Why a copy in this ERP is not printed, sent, dunned or collected, and what could undo that."""

    because: str = Field(min_length=10, description="For the approvers of a cutover: the native means, and what cannot be asked.")
    loud: Statement = Field(description="What would make a copy loud: columns name, what. No row: nothing would.")


class LockOutStatements(_PackModel):
    """How the right to post is taken away and given back. What each takes and answers is said in pack.yaml."""

    functions: tuple[str, ...] = Field(default=(), description="Made once in the custodian's session.")
    state: Statement
    lock: Statement
    unlock: Statement
    quiet: Statement

    @model_validator(mode="after")
    def statements_name_their_parameters(self) -> Self:
        """A change names whose rights and bears its generation; whoever waits knows for which postings."""
        for name, parameters in _LOCK_OUT_PARAMETERS.items():
            for parameter in parameters:
                if f"%({parameter})s" not in getattr(self, name):
                    raise ValueError(f"the statement {name} does not take %({parameter})s")
        return self


_LOCK_OUT_PARAMETERS: Final = {
    "lock": ("rights", "generation", "fences"),
    "unlock": ("rights", "generation", "fences"),
    "quiet": ("fences",),
}


class SqlPack(_PackModel):
    """The descriptor `pack.yaml`, with the text of the functions that it names."""

    pack: str
    erp: str
    versions: Annotated[tuple[str, ...], Field(min_length=1)]
    positive_is: Literal["debit", "credit"]
    identity: Statement = Field(description="Answers database, company, functional currency, version.")
    functions: tuple[str, ...] = ()
    numbered: frozenset[DocumentType] = frozenset()
    dimensions: frozenset[str] = frozenset()
    operations: Annotated[dict[str, Operation], Field(min_length=1)]
    documents: Annotated[dict[DocumentType, str], Field(min_length=1)]
    failures: dict[SqlState, FailureClass] = Field(default_factory=dict)
    raised_by: dict[str, FailureClass] = Field(default_factory=dict)
    books: Books | None = Field(default=None, description="Needed where a region leaves or joins the ERP.")
    quiet: Quiet | None = Field(default=None, description="Needed where the ERP receives copies.")
    lock_out: LockOutStatements | None = Field(default=None, description="Needed where a region is cut over.")
    _function_text: str = PrivateAttr(default="")
    _books_text: str = PrivateAttr(default="")
    _lock_out_text: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def every_document_has_an_operation(self) -> Self:
        """No document type points nowhere."""
        if missing := sorted(set(self.documents.values()) - set(self.operations)):
            raise ValueError(f"documents name operations that there are none of: {', '.join(missing)}")
        return self

    @property
    def function_text(self) -> str:
        """The functions to make once a session; empty if there are none."""
        return self._function_text

    def for_reading(self) -> SqlPack:
        """The same pack, with the functions of a session that reads the books in place of one that posts."""
        pack = self.model_copy()
        pack._function_text = self._books_text
        return pack

    def for_locking_out(self) -> SqlPack:
        """The same pack, with the functions of the custodian's session."""
        pack = self.model_copy()
        pack._function_text = self._lock_out_text
        return pack

    @property
    def sign(self) -> int:
        """What turns a canonical amount (debit positive) into the ERP's, and back."""
        return -1 if self.positive_is == "credit" else 1

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the ERP takes."""
        return {
            document_type: Capability(self.operations[name].connector_class, self.operations[name].native, self.dimensions)
            for document_type, name in self.documents.items()
        }

    def operation(self, document_type: DocumentType) -> Operation:
        """How a document of this type is posted; ask `capabilities` first."""
        return self.operations[self.documents[document_type]]


def load_pack(folder: Path) -> SqlPack:
    """Read a pack's folder.

    Raises:
        ConfigurationError: The descriptor or a file that it names is missing or wrong.
    """
    descriptor = folder / "pack.yaml"
    try:
        pack = SqlPack.model_validate(yaml.safe_load(descriptor.read_text(encoding="utf-8")))
        text = _text_of(folder, pack.functions)
        books_text = _text_of(folder, pack.books.functions) if pack.books else ""
        lock_out_text = _text_of(folder, pack.lock_out.functions) if pack.lock_out else ""
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{descriptor.parent.name}/pack.yaml: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"The SQL pack {folder.name} cannot be read: {str(error).splitlines()[0]}.") from error
    pack._function_text, pack._books_text, pack._lock_out_text = text, books_text, lock_out_text
    return pack


def _text_of(folder: Path, names: Sequence[str]) -> str:
    return "\n".join((folder / "functions" / name).read_text(encoding="utf-8") for name in names)
