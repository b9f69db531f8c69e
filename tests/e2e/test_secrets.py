"""No secret is anywhere but where it was put: planted, then searched for after runs that failed and told why."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from sandbox import airflow_parts
from sandbox.fault_proxy import Fault
from sandbox.site import Site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import a_journal_entry
from tests.e2e.planted import COMPANY, ISSUER, SOURCE, WRONG, Search, planted, secrets_of, take_the_wrong_key
from tests.e2e.through_airflow import ThroughAirflow, wait_for

ERP, LEGAL_ENTITY = COMPANY
#: What people and machines may ask of a posting, and of the whole.
ASKED = (
    "/health",
    "/v1/postings/{posting}",
    "/v1/trace/{posting}",
    "/v1/outcomes?after=0",
    "/v1/ownership",
    "/cutovers/emea",
    "/openapi.json",
)


@pytest.fixture
def key(running_airflow: Site) -> Iterator[str]:
    """A signed key of the source."""
    with psycopg.connect(running_airflow.cluster.dsn(DATABASE, login_of("cutover")), autocommit=True) as connection:
        keys = PostgresSourceKeys(connection)
        made = keys.issue(SOURCE, expires_at=datetime.now(UTC) + timedelta(days=1), by="tests", reason="tests")
        yield made.text
        keys.revoke(made.key_id, by="tests", reason="tests")


@pytest.fixture
def token() -> str:
    """A token that looks like one of the source's identity provider, which cannot be asked."""
    parts = ({"alg": "RS256", "kid": "1"}, {"iss": ISSUER, "aud": "hybrid-erp", "azp": SOURCE, "exp": 4102444800})
    header, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{header}.{claims}.{base64.urlsafe_b64encode(planted('token').encode()).decode().rstrip('=')}"


def send(site: Site, bearer: str, event: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}"}
    return httpx.post(f"{site.airflow_url}/hybrid-erp/v1/events", headers=headers, json=event, timeout=60, trust_env=False)


def answers_to(site: Site, login: str, posting_id: str) -> Iterator[httpx.Response]:
    """What a person reads."""
    words = {"username": login, "password": site.logins[login]}
    signed_in = httpx.post(f"{site.airflow_url}/auth/token", json=words, timeout=60, trust_env=False).json()["access_token"]
    for path in ASKED:
        url = f"{site.airflow_url}/hybrid-erp{path.format(posting=posting_id)}"
        yield httpx.get(url, headers={"Authorization": f"Bearer {signed_in}"}, timeout=60, trust_env=False)


def fail_to_deliver(airflow: ThroughAirflow) -> list[str]:
    """Deliver to an ERP that is cut off and to a company that does not know our key; what the tasks have told."""
    site, told = airflow.site, []
    erps = {"ledgersmb-emea": "DE01", ERP: LEGAL_ENTITY}
    earlier = {erp: airflow.runs_so_far(erp) for erp in erps}
    site.line("ledgersmb").behave(Fault.REFUSE)
    take_the_wrong_key(site.config, WRONG)
    try:
        posting_ids = airflow.accept(*map(a_journal_entry, erps.values()))
        for erp in erps:
            failed = wait_for(partial(airflow.deliveries, erp, state="up_for_retry", but=earlier[erp]), f"a delivery to {erp} to fail")
            told.append(airflow.log(failed[0]["dag_id"], failed[0]["dag_run_id"], "deliver", map_index=failed[0]["map_index"]))
    finally:
        take_the_wrong_key(site.config, "tryton_au01")
        site.line("ledgersmb").behave(Fault.PASS)
    airflow.store("DELETE FROM outage RETURNING 1")
    airflow.wait_until_settled(posting_ids, timeout=90)
    return told


@pytest.mark.timeout(300)
def test_no_secret_is_in_a_log_in_airflows_database_in_the_store_or_in_an_answer(airflow: ThroughAirflow, key: str, token: str) -> None:
    site = airflow.site
    secrets = secrets_of(site) | {
        "the source's key": key,
        "the identity provider's token": token,
        "what it is signed with": planted("token"),
    }
    airflow.run("send_outcomes")  # a webhook begins with what is told from its first run on
    answers = [send(site, key, a_journal_entry("DE01", source=SOURCE)), send(site, key, a_journal_entry(source="psa"))]
    posting_id = str(answers[0].json()["posting_id"])
    airflow.wait_until_settled([posting_id])
    answers += [send(site, token, a_journal_entry(source=SOURCE)), send(site, key[:-1], a_journal_entry(source=SOURCE))]
    airflow.run("send_outcomes")
    cut_off, not_known = fail_to_deliver(airflow)
    answers += [answer for login in ("lead", "viewer") for answer in answers_to(site, login, posting_id)]

    assert [answer.status_code for answer in answers[:2]] == [202, 403]
    assert all(answer.status_code in (401, 403, 503) for answer in answers[2:4])
    assert airflow.store("SELECT source FROM webhook WHERE failing_since IS NOT NULL") == [(SOURCE,)]
    assert "ledgersmb" in cut_off
    assert "401" in not_known or "auth" in not_known
    search = Search(secrets)
    assert [
        *search.in_files(site.folder / "airflow" / "logs"),
        *search.in_files(site.folder / "logs"),
        *search.in_database(site.cluster.dsn(airflow_parts.DATABASE)),
        *search.in_database(site.cluster.dsn(DATABASE)),
        *(leak for answer in answers for leak in search.in_text(f"the answer to {answer.url}", f"{answer.headers}{answer.text}")),
    ] == []


def test_what_is_planted_on_purpose_is_found(airflow: ThroughAirflow, tmp_path: Path) -> None:
    site, secret = airflow.site, planted("hybrid_erp_delivery")
    search = Search({"deliveries": secret})
    assert secrets_of(site)["hybrid_erp_delivery"] == secret
    (tmp_path / "task.log").write_text(f"connecting with {secret}")
    run_id, _ = airflow.run("send_outcomes")
    of_airflow = site.cluster.dsn(airflow_parts.DATABASE)
    with psycopg.connect(of_airflow, autocommit=True) as connection:
        noted = connection.execute("UPDATE dag_run SET conf = %s WHERE run_id = %s", (json.dumps({"dsn": secret}), run_id))
        assert noted.rowcount == 1

    assert list(search.in_files(tmp_path)) == [f"{tmp_path}/task.log holds the secret of deliveries"]
    assert list(search.in_database(of_airflow)) == ["the table dag_run holds the secret of deliveries"]
    for form in (base64.b64encode(secret.encode()).decode(), str({"bytes": secret.encode().hex()})):
        assert len(list(search.in_text("an answer", form))) == 1

    with psycopg.connect(of_airflow, autocommit=True) as connection:
        connection.execute("UPDATE dag_run SET conf = %s WHERE run_id = %s", (json.dumps({}), run_id))
