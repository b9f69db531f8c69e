"""A cutover's evidence, put together: what the store knows, the page for people, and the key from its Connection."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection

from hybrid_erp import __version__
from hybrid_erp.adapters.store.evidence import PostgresEvidence
from hybrid_erp.model.errors import EvidenceKeyError, NoEvidenceError
from hybrid_erp.operations.evidence.keys import private_key_of
from hybrid_erp.operations.evidence.parts import evidence_of
from hybrid_erp.web.evidence import as_html

#: The Airflow Connection whose password is the private key.
KEY: Final = "hybrid_erp_evidence_key"


def signing_key() -> Ed25519PrivateKey:
    """The key that evidence is signed with.

    Raises:
        EvidenceKeyError: There is none, or it is no key.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    from hybrid_erp.wiring.connections import connection

    try:
        found = connection(KEY)
    except AirflowNotFoundException as error:
        raise EvidenceKeyError(f"There is no Airflow Connection {KEY}.") from error
    return private_key_of(found.password or "")


def evidence(reader: Connection[tuple[Any, ...]], cutover_id: UUID, key: Ed25519PrivateKey) -> tuple[str, bytes]:
    """The name and the content of a cutover's evidence. `reader`: in the role of that duty, in autocommit.

    Raises:
        NoEvidenceError: There is no such cutover.
    """
    facts = PostgresEvidence(reader).facts(cutover_id)
    if facts is None:
        raise NoEvidenceError(f"There is no cutover {cutover_id}.")
    return evidence_of(facts, as_html(facts), __version__, key)
