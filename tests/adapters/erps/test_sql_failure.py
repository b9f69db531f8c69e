"""What PostgreSQL's refusals mean: each answers whether sending again is safe."""

from __future__ import annotations

import psycopg
import pytest

from hybrid_erp.adapters.erps.sql_failure import outcome_of_failure
from hybrid_erp.adapters.erps.sql_pack import load_pack
from hybrid_erp.model.delivery import FailureClass, InDoubt, Rejected, Retry
from tests.builders import CONFIG

PACK = load_pack(CONFIG / "packs" / "ledgersmb")


class Refusal(psycopg.Error):
    """An error of the server with a code of our choice."""

    def __init__(self, state: str | None) -> None:
        super().__init__("refused")
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("HE001", FailureClass.VALIDATION),
        ("HE006", FailureClass.PERIOD_CLOSED),
        ("23505", FailureClass.DUPLICATE),
        ("23503", FailureClass.VALIDATION),
        ("22P02", FailureClass.VALIDATION),
        ("P0001", FailureClass.VALIDATION),
    ],
)
def test_a_refusal_of_the_document_is_final(state: str, failure: FailureClass) -> None:
    assert outcome_of_failure(Refusal(state), PACK, connection_lost=False) == Rejected(failure, "refused")


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("57014", FailureClass.TRANSIENT),
        ("55P03", FailureClass.TRANSIENT),
        ("40P01", FailureClass.TRANSIENT),
        ("53300", FailureClass.THROTTLED),
        ("42501", FailureClass.FORBIDDEN),
    ],
)
def test_what_the_server_rolled_back_and_may_take_later_is_tried_again(state: str, failure: FailureClass) -> None:
    assert outcome_of_failure(Refusal(state), PACK, connection_lost=False) == Retry(failure, "refused")


@pytest.mark.parametrize("state", ["57P01", None])
def test_a_lost_connection_proves_nothing(state: str | None) -> None:
    assert isinstance(outcome_of_failure(Refusal(state), PACK, connection_lost=True), InDoubt)
