"""What an installation lacks, in words with a remedy: versions, DAG files, Connections, roles, schema, clock, Airflow's own settings."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Final

import psycopg
from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from packaging.specifiers import SpecifierSet

from hybrid_erp import __version__
from hybrid_erp.adapters.sessions import connect
from hybrid_erp.adapters.store.installation import PostgresInstallation, is_known_schema, newest_schema
from hybrid_erp.adapters.store.preflight_facts import PostgresPreflightFacts
from hybrid_erp.adapters.store.trust import PostgresTrust
from hybrid_erp.adapters.store.waking import hears
from hybrid_erp.model.delivery import Role
from hybrid_erp.operations.preflight.store_fit import CLOCK_SECONDS_MAX
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.audit_heads import PLACE
from hybrid_erp.wiring.connections import STORE, bell_conn_id, connection, conninfo
from hybrid_erp.wiring.dag_files import bundle_folders, problems_of_dags
from hybrid_erp.wiring.evidence import KEY
from hybrid_erp.wiring.store_terms import BELL

#: What is tested, and so what works. The same ranges as in pyproject.toml.
SUPPORTED: Final = {
    "apache-airflow": SpecifierSet(">=3.3.0,<3.4"),
    "apache-airflow-providers-standard": SpecifierSet(">=1.15.0,<2"),
}
#: Celery's provider 3.26 fails to import with later ones.
CELERY: Final = SpecifierSet("<5.7")
#: Section, setting, and the most (seconds) or least (times) that a dead worker is noticed with in time.
AT_MOST: Final = (
    ("scheduler", "task_instance_heartbeat_timeout", 120),
    ("scheduler", "orphaned_tasks_check_interval", 60),
    ("scheduler", "scheduler_health_check_threshold", 60),
)
AT_LEAST: Final = (("workers", "max_failed_heartbeats", 10),)
#: Each duty's login has the role of that duty. Captures do what intake and delivery do, in one transaction: their role is a member of both.
ROLES: Final = {duty: {f"hybrid_erp_{duty}"} for duty in STORE} | {
    "capture": {"hybrid_erp_capture", "hybrid_erp_intake", "hybrid_erp_delivery"}
}
PLUGIN: Final = "hybrid_erp.wiring.plugin"
_NO_SUCH: Final = "There is no Airflow Connection {}: {}. Add it; docs/operations.md lists all."


def lacks_of(settings: Settings) -> Iterator[str]:
    """Everything that is missing or wrong, one line each; nothing is changed, and no ERP is asked."""
    yield from _of_versions()
    yield from _of_plugin()
    yield from problems_of_dags(bundle_folders())
    yield from _of_airflow()
    yield from _of_store(settings)
    yield from _of_evidence()
    yield from _of_erps(settings)


def _of_versions() -> Iterator[str]:
    for package, supported in SUPPORTED.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            yield f"{package} is not installed. Install `{package}{supported}`."
            continue
        if found not in supported:
            yield f"{package} is {found}, and this package ({__version__}) is tested with {supported}. Install one of those."
    if "Celery" in conf.get("core", "executor", fallback=""):
        try:
            celery = version("celery")
        except PackageNotFoundError:
            yield "The executor is Celery's, and celery is not installed. Install apache-airflow-providers-celery."
        else:
            if celery not in CELERY:
                yield f"celery is {celery}, with which Airflow's provider does not work. Install `celery{CELERY}`."


def _of_plugin() -> Iterator[str]:
    """Airflow loads the plugin of an installed wheel by itself, and that of the plugins folder beside it."""
    folder = Path(conf.get("core", "plugins_folder", fallback=""))
    installed = [each.module for each in entry_points(group="airflow.plugins") if each.module == PLUGIN]
    by_file = [file for file in sorted(folder.rglob("*.py")) if f"from {PLUGIN} import".encode() in file.read_bytes()]
    if installed and by_file:
        yield f"The API is mounted twice: by the installed wheel and by {by_file[0]}. Remove the file."
    elif not installed and not by_file:
        yield f"Airflow finds no plugin of ours, so the API is not mounted. Install the wheel, or put hybrid_erp_plugin.py into {folder}."


def _of_airflow() -> Iterator[str]:
    for section, name, most in AT_MOST:
        if (value := conf.getfloat(section, name)) > most:
            yield f"Airflow's [{section}] {name} is {value:g}: a dead worker is noticed late. Set it to {most} or less."
    for section, name, least in AT_LEAST:
        if (value := conf.getfloat(section, name)) < least:
            yield f"Airflow's [{section}] {name} is {value:g}: a restart of the API server ends running tasks. Set it to {least} or more."


def _of_store(settings: Settings) -> Iterator[str]:
    for duty, conn_id in STORE.items():
        if duty == "retention" and settings.retention is None:
            continue  # nobody uses it
        try:
            terms = conninfo(conn_id)
        except AirflowNotFoundException:
            yield _NO_SUCH.format(conn_id, f"the store is reached by it for {duty}")
            continue
        try:
            with connect(**terms) as opened:
                yield from _of_login(duty, conn_id, PostgresInstallation(opened))
                if duty == "reader":
                    yield from _of_schema(opened)
                elif duty == "delivery":
                    yield from _of_bell(opened)
        except psycopg.Error as error:
            yield _kept_out(conn_id, error)


def _kept_out(conn_id: str, error: psycopg.Error) -> str:
    told = str(error).strip().splitlines()[0]
    return f"The store does not let {conn_id} in: {told}. Correct the Connection, or the login in PostgreSQL."


def _of_bell(opened: psycopg.Connection[tuple[Any, ...]]) -> Iterator[str]:
    """The bell's own Connection, where there is one, and whether a notification arrives there."""
    conn_id = bell_conn_id()
    try:
        with connect(**conninfo(conn_id)) as listening:
            if conn_id != STORE["delivery"]:
                yield from _of_login("delivery", conn_id, PostgresInstallation(listening))
            if not hears(listening, opened):
                yield (
                    f"No notification arrives at {conn_id}, so deliveries begin late: a pooler shares its session, or it is another store. "
                    f"Add the Connection {BELL}: the login of deliveries, at PostgreSQL itself."
                )
    except psycopg.Error as error:
        yield _kept_out(conn_id, error)


def _of_login(duty: str, conn_id: str, store: PostgresInstallation) -> Iterator[str]:
    if store.is_superuser():
        yield f"{conn_id} is a superuser: nothing that it must not do would be refused. Give it a login of its own."
        return
    wanted = ROLES[duty]
    found = set(store.duties({role for roles in ROLES.values() for role in roles}))
    for role in sorted(wanted - found):
        yield f"The login of {conn_id} is no member of {role}. `GRANT {role} TO <its login>`."
    for role in sorted(found - wanted):
        yield f"The login of {conn_id} is a member of {role}, which is another duty's. `REVOKE {role} FROM <its login>`."


def _of_schema(opened: psycopg.Connection[tuple[Any, ...]]) -> Iterator[str]:
    store, newest = PostgresInstallation(opened), newest_schema()
    found = store.schema()
    if found is not None and not is_known_schema(found):
        yield f"The store's schema is {found}, and this package ({__version__}) ends at {newest}. Install the package that migrated it."
        return
    if found != newest:
        yield f"The store's schema is {found or 'missing'}, and this package ({__version__}) needs {newest}. Run `hybrid-erp migrate`."
        return
    if not store.has_next_month():
        yield "The store has no partitions for next month. Let the DAG `watch` run: it makes them."
    if abs(ahead := PostgresPreflightFacts(opened).health().clock_ahead_seconds) > CLOCK_SECONDS_MAX:
        yield f"This machine's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the store's. Set both by NTP."
    trust = PostgresTrust(opened).state()
    if not trust.is_believed:
        yield "The store is not the one that was last believed, and nothing is claimed. `hybrid-erp store show`, and docs/restore.md."
    elif trust.is_recovering:
        yield "The store is being recovered: every ERP is asked before anything is sent, and no region moves. `hybrid-erp store show`."


def _of_evidence() -> Iterator[str]:
    for conn_id, why in ((KEY, "evidence and the heads of the audit trail are signed by it"), (PLACE, "heads are kept there")):
        try:
            connection(conn_id)
        except AirflowNotFoundException:
            yield _NO_SUCH.format(conn_id, why)


def _of_erps(settings: Settings) -> Iterator[str]:
    moving = {erp for region in settings.regions.values() if region.plan is not None for erp in (region.legacy, region.cloud)}
    for name, erp in settings.erps.items():
        for legal_entity, company in erp.companies.items():
            wanted = {company.connection: "postings go by it"}
            if name in moving:
                wanted |= {
                    f"{company.connection}_{Role.CANDIDATE}": "copies go by it",
                    f"{company.connection}_{Role.RUN_OFF}": "what stays with the old owner goes by it",
                    f"{company.connection}_custodian": "people are locked out by it",
                }
            for conn_id, why in wanted.items():
                try:
                    connection(conn_id)
                except AirflowNotFoundException:
                    yield _NO_SUCH.format(conn_id, f"at {legal_entity} of {name} {why}")
