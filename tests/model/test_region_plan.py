"""Each account of both charts has exactly one scope; a number said in full beats a pattern, and a pattern never takes a mapped account."""

from __future__ import annotations

from typing import Any

import pytest

from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.region_plan import AccountScope, RegionPlan


def a_rule(*accounts: str, scope: str = "out_of_scope", **changes: Any) -> dict[str, Any]:
    return {"accounts": accounts, "scope": scope, "owner": "Controller", "reason": "not in use", "control_total": "0.00"} | changes


def scope_of(account: str, *rules: dict[str, Any], mapped: bool = False, legal_entity: str = "DE01") -> AccountScope:
    plan = RegionPlan.model_validate({"scope": {"legacy": rules}})
    rule = plan.scope_rule("legacy", account, legal_entity=legal_entity, mapped=mapped)
    return rule.scope if rule else AccountScope.FACADE


def test_what_the_mapping_knows_is_the_facades() -> None:
    assert scope_of("1800", a_rule("*"), mapped=True) is AccountScope.FACADE


def test_a_number_said_in_full_beats_a_pattern() -> None:
    rules = (a_rule("*"), a_rule("6403", scope="period_run"))

    assert scope_of("6403", *rules) is AccountScope.PERIOD_RUN
    assert scope_of("6404", *rules) is AccountScope.OUT_OF_SCOPE
    assert scope_of("6403", *rules, mapped=True) is AccountScope.PERIOD_RUN


def test_a_rule_speaks_of_its_legal_entities_alone() -> None:
    rules = (a_rule("5300", legal_entities=["DE01"]), a_rule("5300", scope="captured", legal_entities=["UK01"]))

    assert scope_of("5300", *rules, legal_entity="UK01") is AccountScope.CAPTURED


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ((), "Account 5700 of DE01 in the legacy ERP has no scope"),
        ((a_rule("58*"),), "has no scope"),
        ((a_rule("57*"), a_rule("5*", scope="captured")), "has 2 scopes"),
        ((a_rule("5700"), a_rule("5700", scope="captured")), "has 2 scopes"),
    ],
)
def test_an_account_without_one_scope_is_refused_by_name(rules: tuple[dict[str, Any], ...], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        scope_of("5700", *rules)


def test_only_balances_that_must_agree_are_compared() -> None:
    assert {scope for scope in AccountScope if not scope.compared} == {AccountScope.LOADED_AT_CUTOVER, AccountScope.OUT_OF_SCOPE}
