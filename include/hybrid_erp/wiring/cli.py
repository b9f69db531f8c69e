"""The command `hybrid-erp`: what a platform team or an auditor does outside Airflow."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.sessions import connect, prepare_in_own_session_alone
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.model.errors import ErpUnavailableError, HybridErpError, NotReconcilableError
from hybrid_erp.operations.adopt import CrosswalkWriter, adopt_master_data
from hybrid_erp.operations.establish import establish_ownership
from hybrid_erp.settings import Settings, load_settings
from hybrid_erp.web.report import TABLES, as_csv, as_html, as_json, no_link
from hybrid_erp.wiring.cli_audit import add_audit
from hybrid_erp.wiring.cli_callers import add_callers
from hybrid_erp.wiring.cli_evidence import add_evidence
from hybrid_erp.wiring.cli_webhooks import add_webhooks
from hybrid_erp.wiring.cutover_cli import add_commands
from hybrid_erp.wiring.dag_files import write_dags
from hybrid_erp.wiring.pools import airflow_is_here, pools, pools_of_airflow, problems_of
from hybrid_erp.wiring.restore_cli import add_store
from hybrid_erp.wiring.retention import words_of, would_erase
from hybrid_erp.wiring.store_terms import readable

DSN_VARIABLE = "HYBRID_ERP_STORE_DSN"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if all is well, 1 if something was found, 2 if it could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except HybridErpError as error:
        print(error, file=sys.stderr)
    except (OSError, psycopg.Error) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hybrid-erp", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Any, help_text: str, *, store: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.set_defaults(run=run)
        if store:
            added.add_argument("--dsn", default=os.environ.get(DSN_VARIABLE), help=f"the store's URL; default: ${DSN_VARIABLE}")
        return added

    command("migrate", _migrate, "Bring the store's schema up to date, under the migration role.")
    for name, run, help_text in (
        ("establish", _establish, "Write the first ownership of every configured region that has none, under the cutover role."),
        ("check", _check, "Say what is wrong in the configuration folder, and with Airflow's pools where Airflow is."),
        ("pools", _pools, "Write the pools that Airflow needs, as JSON for `airflow pools import`."),
    ):
        added = command(name, run, help_text, store=name == "establish")
        added.add_argument("--config", type=Path, default=Path(os.environ.get("HYBRID_ERP_CONFIG", "config")))
        if name == "check":
            added.add_argument("what", nargs="?", choices=("configuration", "installation"), default="configuration",
                               help="installation: also the Connections, the store, and Airflow's settings")  # fmt: skip
    dags = command("dags", _dags, "Write this package's DAG files into the folder of a DAG bundle.", store=False)
    dags.add_argument("folder", type=Path)
    adopt = command("adopt", _adopt, "Enter the customers and projects that an ERP holds into the crosswalk.", store=False)
    adopt.add_argument("erp", nargs="*", help="default: every configured ERP")
    cancel = command("cancel", _cancel, "Give dead letters up for good, under the delivery role.")
    cancel.add_argument("posting", nargs="+", type=UUID)
    pin = command("pin", _pin, "Pin an entity to an ERP, or lift its pin, under the cutover role.")
    pin.add_argument("region")
    pin.add_argument("routing_key", help="for example project:P-1001")
    pin.add_argument("erp", nargs="?", help="the ERP that it stays with; nothing lifts the pin")
    pin.add_argument("--bridge-account", default="2900", help="the canonical account between the two ERPs")
    for named in (cancel, pin):
        named.add_argument("--by", required=True, help="the person who decides, for the audit trail")
        named.add_argument("--reason", required=True)
    export = command("reconcile-export", _export_reconciliation, "Write a reconciliation to standard output, under the reader role.")
    export.add_argument("reconciliation", type=UUID)
    export.add_argument("--format", choices=("csv", "json", "html"), default="json")
    export.add_argument("--table", choices=TABLES, default="differences", help="of csv: which table")
    add_commands(command)
    add_store(command)
    add_callers(command, _store, Path(os.environ.get("HYBRID_ERP_CONFIG", "config")))
    add_audit(command, _store)
    payloads = command("payloads", _payloads, "Say which payloads would be erased now, and which are kept and why, under the reader role.")
    payloads.add_argument("--config", type=Path, default=Path(os.environ.get("HYBRID_ERP_CONFIG", "config")))
    add_evidence(command, _store)
    add_webhooks(command, _store)
    return parser


def _dsn(options: argparse.Namespace) -> str:
    if not options.dsn:
        raise OSError(f"no store is named; give --dsn or set {DSN_VARIABLE}")
    return readable(options.dsn)


def _store(options: argparse.Namespace) -> psycopg.Connection[tuple[Any, ...]]:
    return connect(_dsn(options))


def _migrate(options: argparse.Namespace) -> int:
    migrate(_dsn(options))
    print("The store's schema is up to date.")
    return 0


def _establish(options: argparse.Namespace) -> int:
    with _store(options) as connection:
        by = _person()
        written = establish_ownership(load_settings(options.config).regions.values(), PostgresOwnership(connection), by=by)
    print(f"Ownership written: {written}.")
    return 0


def _adopt(options: argparse.Namespace) -> int:
    from hybrid_erp.adapters.store.crosswalk import PostgresCrosswalk
    from hybrid_erp.wiring.configuration import settings
    from hybrid_erp.wiring.delivery import store_connection

    with store_connection("delivery") as connection:
        for erp in options.erp or settings().erps:
            for legal_entity in settings().erps[erp].companies:
                adopted = _adopt_company(erp, legal_entity, PostgresCrosswalk(connection, _person(), settings().region_of))
                print(f"{erp} {legal_entity}: " + ", ".join(f"{count} {name}s" for name, count in adopted.items()), flush=True)
    return 0


def _adopt_company(erp: str, legal_entity: str, crosswalk: CrosswalkWriter) -> dict[str, int]:
    """Reading again is harmless, so an ERP that is only just starting gets a few tries."""
    from hybrid_erp.wiring.configuration import settings
    from hybrid_erp.wiring.connectors import connector

    for wait_seconds in (1, 2, 4, 8, None):
        try:
            with closing(connector(settings(), erp, legal_entity)) as company:
                return adopt_master_data(erp, legal_entity, company, crosswalk)
        except ErpUnavailableError as error:
            if wait_seconds is None:
                raise
            print(f"{error.message} Trying again in {wait_seconds} s.", file=sys.stderr, flush=True)
            time.sleep(wait_seconds)
    raise AssertionError("the last try returns or raises")


def _check(options: argparse.Namespace) -> int:
    settings = load_settings(options.config)
    problems = [*map(str, settings.problems), *_problems_of_pools(settings)]
    if options.what == "installation":
        from hybrid_erp.wiring.installation import lacks_of

        problems += lacks_of(settings)
    for problem in problems:
        print(problem)
    print(f"{len(settings.regions)} regions and {len(settings.erps)} ERPs are in order, {len(problems)} problems.")
    return 1 if problems else 0


def _problems_of_pools(settings: Settings) -> list[str]:
    if not airflow_is_here():
        print("Airflow's pools were not looked at: no AIRFLOW_HOME here. Run this again where Airflow's settings are.", file=sys.stderr)
        return []
    try:
        there = pools_of_airflow()
    except Exception as error:  # whatever Airflow's own database layer raises
        told = (str(error).splitlines() or ["no reason given"])[0]
        return [f"Airflow's pools cannot be read: {type(error).__name__}: {told} Correct Airflow's settings, or run `airflow db migrate`."]
    return list(problems_of(pools(settings), there))


def _pools(options: argparse.Namespace) -> int:
    print(json.dumps(pools(load_settings(options.config)), indent=2))
    return 0


def _dags(options: argparse.Namespace) -> int:
    for name in write_dags(options.folder):
        print(name)
    return 0


def _cancel(options: argparse.Namespace) -> int:
    with _store(options) as connection:
        for posting_id in PostgresDeadLetters(connection).cancel(options.posting, by=options.by, reason=options.reason):
            print(f"{posting_id} is cancelled.")
    return 0


def _pin(options: argparse.Namespace) -> int:
    with _store(options) as connection:
        terms = {"region": options.region, "routing_key": options.routing_key, "by": options.by, "reason": options.reason}
        version = PostgresOwnership(connection).move_pin(erp=options.erp, bridge_account=options.bridge_account, **terms)
    stays = f"stays with {options.erp}" if options.erp else "follows its region again"
    print(f"{options.routing_key} {stays}; the pins of {options.region} are at version {version}.")
    return 0


def _payloads(options: argparse.Namespace) -> int:
    with _store(options) as connection:
        for line in words_of(would_erase(load_settings(options.config), connection), dry_run=True):
            print(line)
    return 0


def _person() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or "platform-team"


def _export_reconciliation(options: argparse.Namespace) -> int:
    with ConnectionPool(_dsn(options), min_size=1, max_size=1, open=True, configure=prepare_in_own_session_alone) as pool:
        found = PostgresReconciliationReading(pool).result(options.reconciliation)
    if found is None:
        raise NotReconcilableError(f"There is no reconciliation {options.reconciliation}.")
    if options.format == "csv":
        sys.stdout.write(as_csv(found, options.table))
    else:
        print(as_json(found) if options.format == "json" else as_html(found, no_link, {}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
