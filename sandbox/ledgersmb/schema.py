"""The ERP's own schema: a template database without a chart, and what each company's database adds to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sandbox.ledgersmb.package import VERSION
from sandbox.postgres import HOST, SUPERUSER, Cluster

TEMPLATE = "ledgersmb_template"

# PostgreSQL 16 gave pg_auth_members an `oid` of its own, so the view would have two columns of that name and its whole file would be lost.
ROLE_VIEW = "select * from pg_auth_members m join pg_roles a ON (m.roleid = a.oid)"
ROLE_VIEW_NOW = "select m.roleid, m.member, m.grantor, m.admin_option, a.* from pg_auth_members m join pg_roles a ON (m.roleid = a.oid)"


class SchemaError(RuntimeError):
    """The ERP's SQL files did not make the schema that they should."""


def build_template(cluster: Cluster, sql_files: Path, work: Path) -> None:
    """Make the template database: base, changes and modules, in the package's own order.

    Many changes repeat what the base has already, and fail; so single errors say nothing, and the result is checked instead.
    """
    cluster.create_database(TEMPLATE)
    modules = [name for name in _load_order(sql_files / "modules") if name != "Roles.sql"]  # roles belong to one database: see below
    amended = work / "admin.sql"
    amended.write_text((sql_files / "modules" / "admin.sql").read_text("utf-8").replace(ROLE_VIEW, ROLE_VIEW_NOW), "utf-8")
    files = [sql_files / "Pg-database.sql"]
    files += [sql_files / "changes" / name for name in _load_order(sql_files / "changes")]
    files += [amended if name == "admin.sql" else sql_files / "modules" / name for name in modules]
    run_files(cluster, TEMPLATE, files, stop_at_error=False)
    with cluster.admin(TEMPLATE) as connection:
        row = connection.execute("SELECT value FROM defaults WHERE setting_key = 'version'").fetchone()
        functions = connection.execute(
            "SELECT count(*) FROM pg_proc WHERE proname IN ('payment_post', 'setting_increment', 'account__save', 'eoy_create_checkpoint',"
            " 'business_unit__save', 'admin__add_user_to_role')"
        ).fetchone()
    if row != (VERSION,) or functions != (6,):
        raise SchemaError(f"The schema of LedgerSMB {VERSION} is incomplete (version {row}, {functions} of its functions).")


def create_company(cluster: Cluster, database: str, sql_files: Path, chart: str) -> None:
    """Make a company's database: the template, a chart of the package, and this database's own roles.

    Roles are cluster-wide and named after the database; a copy keeps its template's grants. So the roles are made here, in each database.
    """
    cluster.create_database(database, template=TEMPLATE)
    run_files(cluster, database, [sql_files / "coa" / chart, sql_files / "modules" / "Roles.sql"], stop_at_error=True)


def run_files(cluster: Cluster, database: str, files: list[Path], *, stop_at_error: bool) -> None:
    """Run SQL files with psql, whose own commands some of them use.

    Raises:
        SchemaError: `stop_at_error` was asked for and a statement failed, or psql did not run to its end.
    """
    command = [str(cluster.program("psql")), "-X", "-q", "-h", HOST, "-p", str(cluster.port), "-U", SUPERUSER, "-d", database]
    command += ["-v", f"ON_ERROR_STOP={int(stop_at_error)}"]
    for file in files:
        command += ["-f", str(file)]
    environment = os.environ | {"PGOPTIONS": "-c client_min_messages=error -c synchronous_commit=off", "PGCLIENTENCODING": "UTF8"}
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode:
        raise SchemaError(f"psql failed in {database}: {done.stderr.strip()[-2000:]}")


def _load_order(folder: Path) -> list[str]:
    lines = (line.split("#")[0].strip().lstrip("!~ ") for line in (folder / "LOADORDER").read_text("utf-8").splitlines())
    return [line for line in lines if line]
