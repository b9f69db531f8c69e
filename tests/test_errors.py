"""Every expected failure has a code for programs and a remedy for people, and comes whole out of another process."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator

import pytest

from hybrid_erp.model import errors
from hybrid_erp.model.errors import ErpUnavailableError, HybridErpError, RefusedEventError


def families(root: type[HybridErpError] = HybridErpError) -> Iterator[type[HybridErpError]]:
    yield root
    for family in root.__subclasses__():
        yield from families(family)


ERRORS = list(families())


def test_every_error_of_the_module_is_one_of_ours() -> None:
    classes = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__}

    assert classes == set(ERRORS)


def test_no_two_errors_have_the_same_code() -> None:
    codes = [error.code for error in ERRORS]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_says_what_broke_its_code_and_what_to_do(error: type[HybridErpError]) -> None:
    said = str(error("The line went silent."))

    assert said == f"The line went silent. [{error.code}] {error.remedy}"
    assert "code" in vars(error)
    assert error.remedy.endswith(".")
    assert error.__doc__


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_survives_the_way_to_another_process(error: type[HybridErpError]) -> None:
    sent = error("The line went silent.")

    came = pickle.loads(pickle.dumps(sent))

    assert type(came) is error
    assert (came.message, str(came)) == (sent.message, str(sent))


def test_the_details_of_a_refusal_survive_too() -> None:
    came = pickle.loads(pickle.dumps(RefusedEventError("no", field="data.lines", stored_hash="ab")))

    assert came.details == {"field": "data.lines", "stored_hash": "ab"}


def test_how_long_an_erp_asks_to_wait_survives_too() -> None:
    assert pickle.loads(pickle.dumps(ErpUnavailableError("busy", 7.5))).retry_after_seconds == 7.5
