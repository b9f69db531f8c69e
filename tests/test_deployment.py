"""The files that a firm deploys by: one image, health checks, no secret in them, each part with what it needs alone."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import kubernetes_validate
import psycopg
import pytest
import yaml

from hybrid_erp import __version__
from hybrid_erp.wiring import cli
from hybrid_erp.wiring.installation import AT_LEAST, AT_MOST
from sandbox.places import CHECKOUT
from sandbox.postgres import HOST, Cluster
from sandbox.store_setup import DUTIES, login_of
from tests.stores import running_cluster

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
VALUES: Final[dict[str, Any]] = yaml.safe_load((CHECKOUT / "docs/kubernetes/values.yaml").read_text())
MANIFESTS: Final[list[dict[str, Any]]] = list(yaml.safe_load_all((CHECKOUT / "docs/kubernetes/api.yaml").read_text()))
PAGE: Final = (CHECKOUT / "docs/deploy.md").read_text()
OURS: Final = sorted(name for name, service in SERVICES.items() if service["image"].startswith("hybrid-erp"))
#: The words of the Compose specification that these files need. A misspelt one would be ignored, or stop nothing but the start.
KNOWN: Final = frozenset(
    {
        "image",
        "restart",
        "command",
        "environment",
        "env_file",
        "volumes",
        "ports",
        "configs",
        "depends_on",
        "healthcheck",
        "stop_grace_period",
    }
)
SECRET: Final = re.compile(r"PASSWORD|SECRET|KEY|CONN|DSN|BROKER|RESULT_BACKEND")
VARIABLE: Final = re.compile(r"(?<!\$)\$\{([A-Z_]+)(:\?)?\}")
KUBERNETES: Final = "1.33"


def once(service: dict[str, Any]) -> bool:
    return bool(service["restart"] == "no")


def test_every_part_of_ours_runs_the_same_image_of_this_version() -> None:
    assert {SERVICES[name]["image"] for name in OURS} == {f"hybrid-erp:{__version__}"}
    assert (VALUES["images"]["airflow"]["tag"], VALUES["defaultAirflowTag"]) == (__version__, __version__)
    (container,) = MANIFESTS[0]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{VALUES['images']['airflow']['repository']}:{__version__}"


def test_the_image_the_values_and_the_lock_name_one_airflow() -> None:
    (locked,) = re.findall(r"^apache-airflow==(\S+)", (CHECKOUT / "requirements.in").read_text(), re.MULTILINE)

    assert f"FROM apache/airflow:{locked}-python3.11" in (CHECKOUT / "Dockerfile").read_text()
    assert VALUES["airflowVersion"] == locked


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well_and_waits_for_what_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service.keys() <= KNOWN, service.keys() - KNOWN
    assert once(service) != ("healthcheck" in service)
    for needed, terms in service.get("depends_on", {}).items():
        assert terms == {"condition": "service_completed_successfully" if once(SERVICES[needed]) else "service_healthy"}
    for mount in service.get("volumes", ()):
        source = mount.split(":")[0]
        assert source in COMPOSE["volumes"] or (CHECKOUT / source).is_dir()
    assert {each["source"] for each in service.get("configs", ())} <= COMPOSE["configs"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable):
            assert VARIABLE.search(value), f"{variable} is written in the file"


def test_a_variable_that_is_not_set_stops_the_start_and_is_explained() -> None:
    text = (CHECKOUT / "docker-compose.yaml").read_text()
    named = VARIABLE.findall(text)

    assert len(named) == len(re.findall(r"(?<!\$)\$(?!\$)", text)), "an interpolation that may be empty"
    assert all(required for _, required in named)
    assert {variable for variable, _ in named} == set(re.findall(r"`([A-Z_]+_(?:PASSWORD|KEY|SECRET))`", PAGE.split("## Kubernetes")[0]))


def test_the_api_has_the_store_alone_and_no_worker_can_sign_for_airflow() -> None:
    def has(name: str) -> set[str]:
        return {variable for variable in SERVICES[name]["environment"] if SECRET.search(variable)}

    assert has("api") == {"AIRFLOW_CONN_HYBRID_ERP_INTAKE", "AIRFLOW_CONN_HYBRID_ERP_READER"}
    assert set(SERVICES["api"]["depends_on"]) == {"store-ready"}
    signing = {"AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
    assert not has("airflow-worker") & signing
    assert {name for name in SERVICES if "env_file" in SERVICES[name]} == {"airflow-api", "airflow-execution", "airflow-worker"}


def test_a_dead_worker_is_noticed_in_time() -> None:
    compose = {name.removeprefix("AIRFLOW__"): value for name, value in SERVICES["airflow-scheduler"]["environment"].items()}
    for bounds, is_kept in ((AT_MOST, float.__le__), (AT_LEAST, float.__ge__)):
        for section, name, bound in bounds:
            for found in (compose[f"{section.upper()}__{name.upper()}"], VALUES["config"][section][name]):
                assert is_kept(float(found), float(bound)), name


def commands() -> Iterator[list[str]]:
    for name in OURS:
        words = list(SERVICES[name]["command"])
        if words[:2] == ["python", "-m"]:
            yield words
    (container,) = MANIFESTS[0]["spec"]["template"]["spec"]["containers"]
    yield container["command"]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_are_ours(words: list[str]) -> None:
    assert words[2] == cli.__name__
    assert cli._parser().parse_args(words[3:]).run


def test_kubernetes_knows_the_manifests() -> None:
    for manifest in MANIFESTS:
        assert kubernetes_validate.validate(manifest, KUBERNETES, strict=True) == KUBERNETES
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**MANIFESTS[0], "spce": {}}, KUBERNETES, strict=True)


def test_the_manifests_hold_no_secret_and_each_that_they_name_is_explained() -> None:
    named = [VALUES[each] for each in ("fernetKeySecretName", "jwtSecretName", "apiSecretKeySecretName")]
    named += VALUES["data"].values()
    named += [each["secretRef"]["name"] for each in yaml.safe_load(VALUES["extraEnvFrom"])]
    (container,) = MANIFESTS[0]["spec"]["template"]["spec"]["containers"]
    of_the_api = [each["secretRef"]["name"] for each in container["envFrom"]]

    assert of_the_api == ["hybrid-erp-store-api"]
    assert set(named) == set(re.findall(r"`(hybrid-erp-[a-z-]+)`", PAGE.split("| Secret | Keys |")[1]))
    assert {each["name"] for each in container["env"]} == {"HYBRID_ERP_CONFIG", "HYBRID_ERP_REQUESTS_MAX"}


@pytest.fixture
def store_without_logins() -> Iterator[Cluster]:
    with running_cluster("deploy") as cluster:
        with cluster.admin() as connection:
            for duty in DUTIES:
                connection.execute(f"DROP ROLE {login_of(duty)}".encode())
        yield cluster


@pytest.mark.processes
def test_the_script_of_the_logins_makes_one_for_each_duty_and_changes_its_password(store_without_logins: Cluster) -> None:
    cluster, script = store_without_logins, COMPOSE["configs"]["logins"]["content"]
    password = "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = %s"
    command = [*SERVICES["store-logins"]["command"][:-1], "-"]
    reached = {"PGHOST": HOST, "PGPORT": str(cluster.port), "PGUSER": "postgres", "PGDATABASE": "store_template"}

    for attempt in ("first", "second"):
        given = {name: f"{attempt}{name}" for name in SERVICES["store-logins"]["environment"] if name.endswith("_PASSWORD")}
        program = [str(cluster.program("psql")), *command[1:]]
        subprocess.run(program, input=script, text=True, env={**os.environ, **reached, **given}, check=True, timeout=60)

    with cluster.admin() as connection:
        for duty in DUTIES:
            assert connection.execute(password.encode(), (login_of(duty),)).fetchone() == (True,)
    for duty in DUTIES:
        with psycopg.connect(cluster.dsn("store_template", login_of(duty))) as connection:
            member = connection.execute("SELECT pg_has_role(%s, 'MEMBER')", (f"hybrid_erp_{duty}",)).fetchone()
            assert member == (True,)
