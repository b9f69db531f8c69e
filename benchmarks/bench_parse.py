"""All DAG files with 200 regions and 10 ERPs: at most a second beyond importing Airflow, or every task would feel it.

One region in ten is moving: only those have DAGs of their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.report import Figure, Report
from hybrid_erp.settings import load_settings
from tests.builders import CONFIG

REGIONS, MOVING_ONE_IN, ERPS, RUNS = 200, 10, 10, 5

PARSE = """
import sys, time
import airflow.sdk.definitions.asset, airflow.sdk.definitions.dag, airflow.sdk.definitions.timetables.assets, airflow.triggers.base
from airflow.sdk import DAG, task
import runpy
began_at = time.perf_counter()
for file in sys.argv[1:]:
    runpy.run_path(file)
print(time.perf_counter() - began_at)
"""


def run(report: Report) -> None:
    """`dag_parse_s_200_regions`; the baseline is the same with the three regions and six ERPs of the sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        large = a_large_configuration(Path(folder) / "config")
        seconds = [_parse(large) for _ in range(RUNS)]
        baseline = [_parse(CONFIG) for _ in range(RUNS)]
    value, small = min(seconds), min(baseline)
    report.add(Figure("dag_parse_s_200_regions", value, small, value / small, "s", RUNS, note="limit on the value: 1 s"))
    report.add(Figure("dag_parse_s_200_regions.value", value, None, None, "s", RUNS, limit=1.0))


def _parse(config: Path) -> float:
    files = sorted(str(file) for file in (CONFIG.parent / "dags").glob("*.py"))
    environment = os.environ | {"HYBRID_ERP_CONFIG": str(config), "PYTHONPATH": str(CONFIG.parent / "include")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PARSE, *files], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def a_large_configuration(folder: Path) -> Path:
    """The sandbox's configuration, grown to 200 regions of one legal entity on 10 ERPs."""
    shutil.copytree(CONFIG, folder)
    erps = yaml.safe_load((folder / "erps.yaml").read_text())["erps"]
    region = yaml.safe_load((folder / "regions" / "emea.yaml").read_text())
    mapping = yaml.safe_load((folder / "mappings" / "ledgersmb-emea.yaml").read_text())
    for file in [*folder.glob("regions/*.yaml"), *folder.glob("mappings/*.yaml")]:
        file.unlink()
    names = [f"erp-{number}" for number in range(ERPS)]
    settled = {name: value for name, value in region.items() if name != "plan"}
    for number in range(REGIONS):
        entity, erp = f"E{number:03d}", number // MOVING_ONE_IN
        legal_entities = {entity: region["legal_entities"]["DE01"]}
        changes: dict[str, Any] = {"region": f"r{number:03d}", "legacy": names[erp % ERPS], "cloud": names[(erp + 1) % ERPS]}
        if number % MOVING_ONE_IN == 0:
            approvers = region["plan"]["cutover"]["approvers"] | {"controllers": {entity: ["controller"]}}
            changes |= {"plan": region["plan"] | {"cutover": region["plan"]["cutover"] | {"approvers": approvers}}}
        (folder / "regions" / f"r{number:03d}.yaml").write_text(yaml.safe_dump(settled | changes | {"legal_entities": legal_entities}))
    companies = erps["ledgersmb-emea"]["companies"]["DE01"]
    large = {}
    for name in names:
        large[name] = erps["ledgersmb-emea"] | {"companies": {f"E{number:03d}": companies for number in range(REGIONS)}}
        rules = [rule | {"legal_entities": None} for rule in mapping["accounts"] if "DE01" in (rule.get("legal_entities") or ["DE01"])]
        content = {"version": mapping["version"], "erp": name, "accounts": rules}
        (folder / "mappings" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    (folder / "erps.yaml").write_text(yaml.safe_dump({"erps": large}))
    lacking = [str(problem) for problem in load_settings(folder).problems if "regions/" in problem.file]
    assert not lacking, lacking[0]
    return folder
