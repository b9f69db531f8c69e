"""The DAG files, parsed against a configuration by a process in which Airflow is imported once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CONFIG

CHECKOUT = CONFIG.parent

Parse = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="session")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parse]:
    """Parses the DAG files against a configuration folder."""
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT}",
    }
    command = [sys.executable, "-W", "ignore", "-m", "tests.dags.parse", str(CHECKOUT / "dags")]
    with subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def parsed(config: Path) -> dict[str, Any]:
            print(config, file=asked, flush=True)
            while not (line := answers.readline()).startswith("{"):  # what Airflow prints while it starts
                assert line, "the process that parses has ended; it says why above"
            found: dict[str, Any] = json.loads(line)
            return found

        yield parsed
        asked.close()


@pytest.fixture(scope="session")
def shipped(parse: Parse) -> dict[str, Any]:
    """What the shipped configuration makes."""
    return parse(CONFIG)
