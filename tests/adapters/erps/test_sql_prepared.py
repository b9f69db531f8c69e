"""A pack's statement as the server takes it."""

from __future__ import annotations

from hybrid_erp.adapters.erps.sql_prepared import positional


def test_the_parameter_goes_by_its_place_wherever_it_stands_and_a_percent_sign_is_one() -> None:
    statement = "SELECT post(%(submission)s::jsonb) WHERE %(submission)s NOT LIKE '%%100 %%'"

    assert positional(statement) == "SELECT post($1::jsonb) WHERE $1 NOT LIKE '%100 %'"
