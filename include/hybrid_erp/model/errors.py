"""Expected failures: few families, each with a code for programs and a remedy for people. Anything else is a bug."""

from __future__ import annotations

from typing import Any, ClassVar


class HybridErpError(Exception):
    """An expected failure. The message says what broke; the class says what to do."""

    code: ClassVar[str] = "hybrid-erp-error"
    remedy: ClassVar[str] = "Open the audit trail for this correlation id."

    def __str__(self) -> str:
        """The message with its code and its remedy."""
        return f"{self.message} [{self.code}] {self.remedy}"

    @property
    def message(self) -> str:
        """What broke, without code and remedy."""
        return super().__str__()


class ConfigurationError(HybridErpError):
    """A config file is wrong; it disables its own region or ERP alone."""

    code = "configuration-error"
    remedy = "Correct the named field in the named file, then run `hybrid-erp check`."


class RefusedEventError(HybridErpError):
    """The base of everything that intake refuses. Nothing was stored."""

    code = "refused"
    remedy = "Correct the event at its source and send it again under a new id."

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the details when the error crosses a process boundary."""
        return (_rebuild, (type(self), self.args, self.details))


def _rebuild(kind: type[RefusedEventError], args: tuple[Any, ...], details: dict[str, Any]) -> RefusedEventError:
    return kind(*args, **details)


class MalformedEventError(RefusedEventError):
    """The event is not a CloudEvent of our profile, or its data does not fit the document type."""

    code = "malformed-event"
    remedy = "Correct the named field at the source and send the event again."


class UnknownTypeError(RefusedEventError):
    """The event's type names no document, or no version of it that is served."""

    code = "unknown-type"
    remedy = "Use a type that GET /v1/schemas lists."


class UnknownLegalEntityError(RefusedEventError):
    """No region holds this legal entity."""

    code = "unknown-legal-entity"
    remedy = "Use a legal entity of config/regions/, or have the platform team add it there."


class PeriodNotOwnedError(RefusedEventError):
    """The accounting date lies before everything that the facade answers for."""

    code = "period-not-owned"
    remedy = "Post it in the ERP that holds that period, or send it with an accounting date that the facade answers for."


class CurrencyNotAllowedError(RefusedEventError):
    """The legal entity does not trade in the document's currency, or its exchange rate is missing."""

    code = "currency-not-allowed"
    remedy = "Send the document in a currency of the legal entity, with the exchange rate to its functional currency."


class UnbalancedEntryError(RefusedEventError):
    """Debits and credits differ."""

    code = "unbalanced-entry"
    remedy = "Correct the lines at the source: debits must equal credits, to the cent."


class AccountNotAllowedError(RefusedEventError):
    """The account is unknown in the canonical chart, or a subledger's control account."""

    code = "account-not-allowed"
    remedy = "Use an account of config/accounts.yaml that a journal entry of this type may post to."


class KeyReusedError(RefusedEventError):
    """The idempotency key (source and id) was used before for other content."""

    code = "key-reused"
    remedy = "An id names one content forever: send the changed document under a new id with a higher version."


class DocumentConflictError(RefusedEventError):
    """The document number and version were accepted before with other content."""

    code = "document-conflict"
    remedy = "Send a changed document with a higher version, or the same content again."


class StaleVersionError(RefusedEventError):
    """A later version of the document has already been accepted."""

    code = "stale-version"
    remedy = "Send the document's present state with a version above the last one."


class ForeignSourceError(RefusedEventError):
    """The document belongs to another source."""

    code = "foreign-source"
    remedy = "Have the owning source send it; each canonical document has one owning source."


class ForbiddenEventError(RefusedEventError):
    """The credential may not send this: it is bound to one source, its document types and its legal entities."""

    code = "forbidden"
    remedy = "Send it with the credential of its source, or have the platform team extend the source in config/sources.yaml."


class SourceKeyError(HybridErpError):
    """A source's key cannot be issued, rotated or revoked as asked."""

    code = "source-key-refused"
    remedy = "Look at `hybrid-erp source-key list`; nothing was changed."


class DisabledRegionError(RefusedEventError):
    """The region's configuration is wrong, so that nothing of it can be taken."""

    code = "region-disabled"
    remedy = "Send it again once the platform team has corrected the region's configuration."


class WrongSystemError(HybridErpError):
    """The system behind a connection is not the ERP, company or environment that the configuration names."""

    code = "wrong-system"
    remedy = "Nothing was sent. Correct the Airflow Connection or the identity in config/erps.yaml."


class ErpUnavailableError(HybridErpError):
    """The ERP cannot be reached or asks to wait; trying again later is right."""

    code = "erp-unavailable"
    remedy = "Nothing to do if the ERP is known to be down: Airflow tries again. Otherwise look at the ERP and its connection."

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the wait when the error crosses a process boundary."""
        return (type(self), (self.message, self.retry_after_seconds))


class LeaseTooShortError(HybridErpError):
    """Too little of the lease is left to send; nothing was sent."""

    code = "lease-too-short"
    remedy = "None needed: the claim was given back and another worker takes it."


class ClaimLostError(HybridErpError):
    """Another worker holds the claim now; what this one did is thrown away."""

    code = "claim-lost"
    remedy = "None needed: the worker that holds the claim asks the ERP first."


class OwnershipConflictError(HybridErpError):
    """Ownership is not what the caller believed when it asked for a change."""

    code = "ownership-conflict"
    remedy = "Read the ownership again; nothing was changed."


class StoreNotBelievedError(HybridErpError):
    """The store is not the one that was last believed: it was restored, failed over or copied, and may have forgotten what it sent."""

    code = "store-not-believed"
    remedy = "Nothing is sent until a person has looked: `hybrid-erp store show`, and docs/restore.md."


class StoreNewerError(HybridErpError):
    """The store was migrated by a newer package than this one."""

    code = "store-newer"
    remedy = "Install the package that migrated it; `hybrid-erp check installation` says what fits together."


class SharedSessionError(HybridErpError):
    """A pooler stands where a session of one's own is needed, for what it holds or bears: a migration's lock, a claim's token."""

    code = "shared-session"
    remedy = "Name PostgreSQL itself, not the pooler. Nothing was changed or sent."


class StoreContradictedError(HybridErpError):
    """An ERP remembers what the store has forgotten, or could not be asked. Nothing was resumed."""

    code = "store-contradicted"
    remedy = "Recover the store to a later moment, or have the ERP answer; docs/restore.md says what else can be done."


class NotReplayableError(HybridErpError):
    """The posting is not a dead letter that may be sent again."""

    code = "not-replayable"
    remedy = "Choose dead-lettered postings, and give a reason."


class UnmappedError(HybridErpError):
    """A canonical account, tax code, term or dimension has no single target in the ERP's mapping."""

    code = "mapping-gap"
    remedy = "Add exactly one rule for it to config/mappings/ and replay the posting."


class CutoverGivenUpError(HybridErpError):
    """A step of a cutover or rollback cannot be done; whatever was frozen or locked out is released."""

    code = "cutover-given-up"
    remedy = "Nothing has moved. Mend what the message names, and start a new run."


class NotAnApproverError(HybridErpError):
    """Whoever answered is not named for this role in the region's plan."""

    code = "not-an-approver"
    remedy = "Have one of the named people answer; the question is asked again."


class LockOutUndoneError(HybridErpError):
    """Somebody may post in an ERP that its region has left."""

    code = "lock-out-undone"
    remedy = (
        "Find out who gave the right and take it away again: until then nothing new of the kind is claimed in its region. "
        "What was posted meanwhile is captured; reconcile the region."
    )


class SmokeTestFailedError(HybridErpError):
    """The new owner owns the region, but its smoke test did not come back as it should. The region stays closed."""

    code = "smoke-test-failed"
    remedy = "Look at the new owner. Then clear this task, or open it anyway with `hybrid-erp cutover open`, and roll back if need be."


class LoadRefusedError(HybridErpError):
    """A load cannot begin or go on as things are. Nothing was sent by the step that says so."""

    code = "load-refused"
    remedy = "Mend what the message names, then run `load_<region>` again: it goes on where it was."


class LoadNotVerifiedError(HybridErpError):
    """The cloud ERP does not hold what was loaded, by its own word."""

    code = "load-not-verified"
    remedy = "Look at the named figures in the cloud ERP, mend them, and run `load_<region>` again: it sends nothing twice."


class NotReconcilableError(HybridErpError):
    """A reconciliation cannot begin: something that it rests on is missing. Nothing was compared."""

    code = "not-reconcilable"
    remedy = "Put right what the message names, then run `reconcile_<region>` again."


class ReconciliationNotPassedError(HybridErpError):
    """Two ERPs do not agree within what the region's plan tolerates."""

    code = "reconciliation-not-passed"
    remedy = "Open the report that the log names: each difference says what to do; then run `reconcile_<region>` again."


class OvertakenError(HybridErpError):
    """The ERP has seen a later lock-out, or its undo; this call came too late and changed nothing there."""

    code = "overtaken"
    remedy = "Nothing to undo: read who may post there now, and go on with the cutover or rollback that is under way."


class NotQuietError(HybridErpError):
    """A transaction that began before the lock-out may still be open in the ERP."""

    code = "not-quiet"
    remedy = "Have what is open there ended by whoever runs the ERP, then run the task again; the lock-out stands meanwhile."


class CutoverRefusedError(HybridErpError):
    """A cutover or rollback was asked for in a way that cannot be done. Nothing was changed, and no ERP was asked."""

    code = "cutover-refused"
    remedy = "Correct the named field of the run's form, or what the message names, and trigger the run again."


class EvidenceKeyError(HybridErpError):
    """A key that evidence is signed or verified with is missing, or is no Ed25519 key."""

    code = "evidence-key"
    remedy = "Make and keep keys as docs/evidence.md says; a key is never written into a message."


class AuditTrailChangedError(HybridErpError):
    """The audit trail is not what was sealed, or not what was kept of it outside the store."""

    code = "audit-trail-changed"
    remedy = "Keep the store as it is, run `hybrid-erp audit-heads` to find the first row, and call whoever answers for the audit trail."


class NoEvidenceError(HybridErpError):
    """There is no cutover that the evidence could be of."""

    code = "no-evidence"
    remedy = "Take the cutover's id from its run in Airflow or from the region's board."


class CursorRefusedError(HybridErpError):
    """The cursor is none that this store gave for this feed."""

    code = "cursor-refused"
    remedy = "Begin again with `since`, before what you had last: the same outcome has the same id as ever."


class WebhookError(HybridErpError):
    """The Airflow Connection of a webhook names no address or no secret that may be used. Nothing was sent."""

    code = "webhook-wrong"
    remedy = "Correct the Connection as docs/outcomes.md says; outcomes wait meanwhile."


class DocumentAmbiguousError(HybridErpError):
    """Several legal entities have a document of this type and number."""

    code = "document-ambiguous"
    remedy = "Name the one that you mean: ?legal_entity=."


class DocumentWaitingError(HybridErpError):
    """The document was accepted, and no ERP holds it yet."""

    code = "document-waiting"
    remedy = "Ask GET /v1/postings/{posting_id} what it waits for; the outcome is told when there is one."

    def __init__(self, message: str, place: Any = None) -> None:
        super().__init__(message)
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the place when the error crosses a process boundary."""
        return (type(self), (self.message, self.place))


class ErpSilentError(HybridErpError):
    """The ERP did not answer in time; it may be slow, or down."""

    code = "erp-silent"
    remedy = "Ask again later. GET /v1/postings/{posting_id} says what the ERP had booked when it was posted."
