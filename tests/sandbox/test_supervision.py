"""Whatever ends the launcher, the supervisor or a part: no program is left and no port stays open."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.launch import Launch, StartError, is_guarded, launch, launched, stop
from sandbox.leftovers import programs_of
from sandbox.plan import Part, Plan, Ready
from sandbox.ports import free_ports, is_open
from sandbox.supervisor import PIDS_FILE
from tests.sandbox.plans import ENVIRONMENT, a_plan, a_server, a_step

pytestmark = pytest.mark.processes

# A launcher as a person runs it: it starts the plan, says so, and waits.
LAUNCHER = """
import sys, time
from pathlib import Path
from sandbox.launch import launched
from sandbox.plan import Plan
with launched(Plan.load(Path(sys.argv[1])), lambda line: None):
    print("up", flush=True)
    time.sleep(600)
"""


# A launcher that leaves what it started to itself.
LETTING_GO = """
import sys
from pathlib import Path
from sandbox.launch import launch
from sandbox.plan import Plan
launch(Plan.load(Path(sys.argv[1])), lambda line: None).let_go()
"""


def eventually(statement: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not statement():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def nothing_is_left(plan: Plan) -> bool:
    return not is_guarded(plan.folder) and not programs_of(plan.folder) and not any(map(is_open, plan.ports))


def pids(plan: Plan) -> dict[str, int]:
    found: dict[str, int] = json.loads((plan.folder / PIDS_FILE).read_text())
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A site's folder; whatever a failing test leaves there is ended."""
    yield tmp_path / "site"
    if (tmp_path / "site").exists():
        stop(tmp_path / "site")


@pytest.fixture
def plan(folder: Path) -> Plan:
    return a_plan(folder)


@pytest.fixture
def launcher(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """Another program that has launched the plan."""
    plan.save()
    program = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(plan.folder)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    yield program
    program.kill()
    program.wait()
    program.stdout.close()


def quietly(line: str) -> None:
    """Progress that nobody watches."""


def test_a_plan_runs_for_the_length_of_a_block_and_then_nothing_of_it_is_left(plan: Plan) -> None:
    with launched(plan, quietly):
        assert all(map(is_open, plan.ports))

    assert nothing_is_left(plan)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_launcher_that_ends_takes_everything_with_it(launcher: subprocess.Popen[str], plan: Plan, end: signal.Signals) -> None:
    assert all(map(is_open, plan.ports))

    launcher.send_signal(end)

    assert eventually(lambda: nothing_is_left(plan))


def test_a_supervisor_killed_outright_leaves_nothing(launcher: subprocess.Popen[str], plan: Plan) -> None:
    os.kill(pids(plan)["supervisor"], signal.SIGKILL)

    assert eventually(lambda: nothing_is_left(plan))


def test_a_guard_killed_outright_leaves_nothing(launcher: subprocess.Popen[str], plan: Plan) -> None:
    os.kill(pids(plan)["guard"], signal.SIGKILL)

    assert eventually(lambda: nothing_is_left(plan))


def test_what_survives_guard_and_supervisor_is_stopped_by_the_next_stop(launcher: subprocess.Popen[str], plan: Plan) -> None:
    os.kill(pids(plan)["guard"], signal.SIGSTOP)  # so that it cannot clean up after the supervisor
    os.kill(pids(plan)["supervisor"], signal.SIGKILL)
    os.kill(pids(plan)["guard"], signal.SIGKILL)
    assert any(map(is_open, plan.ports))

    stop(plan.folder)

    assert nothing_is_left(plan)


def test_a_plan_that_was_let_go_outlives_its_launcher_until_it_is_stopped(plan: Plan) -> None:
    plan.save()
    subprocess.run([sys.executable, "-c", LETTING_GO, str(plan.folder)], check=True, timeout=60)
    time.sleep(1)
    assert all(map(is_open, plan.ports))
    assert is_guarded(plan.folder)

    stop(plan.folder)

    assert nothing_is_left(plan)


def test_stopping_what_never_ran_is_no_error(folder: Path) -> None:
    folder.mkdir()

    stop(folder)


def test_a_server_that_dies_is_started_again_without_its_orphans(plan: Plan) -> None:
    with launched(plan, quietly):
        family = psutil.Process(pids(plan)["tasks"])
        grandchild = family.children()[0]
        family.kill()

        assert eventually(lambda: pids(plan)["tasks"] != family.pid and is_open(plan.ports[1]))
        assert not grandchild.is_running()


def test_a_server_that_keeps_dying_ends_the_whole(folder: Path) -> None:
    port, ending = free_ports(2)
    dying = Part(
        name="dying",
        command=(sys.executable, "-c", f"import socket, time; s = socket.create_server(('127.0.0.1', {ending})); time.sleep(0.5)"),
        environment=ENVIRONMENT,
        ready=Ready(port=ending),
    )
    plan = Plan(folder=folder, parts=(a_server("web", port), dying), ports=(port, ending), restarts_max=2)

    with launched(plan, quietly):
        assert eventually(lambda: nothing_is_left(plan))


def test_a_part_that_does_not_start_is_named_with_its_reason_and_its_last_words(folder: Path) -> None:
    [port] = free_ports(1)
    broken = a_step("broken", "print('the disk is full of hunter2'); raise SystemExit(3)", after=("web",))
    plan = Plan(folder=folder, parts=(a_server("web", port), broken), ports=(port,), secrets=("hunter2",))

    with pytest.raises(
        StartError, match=r"(?s)broken did not start: it ended with exit code 3.*the disk is full of \*\*\*.*run the same command"
    ):
        launch(plan, quietly)

    assert nothing_is_left(plan)


def test_a_part_that_is_not_ready_in_time_is_given_up(folder: Path) -> None:
    slow = Part(
        name="slow",
        command=(sys.executable, "-c", "import time; time.sleep(600)"),
        environment=ENVIRONMENT,
        ready=Ready(port=free_ports(1)[0]),
        patience_seconds=1,
    )

    with pytest.raises(StartError, match="slow did not start: it was not ready after 1 s"):
        launch(Plan(folder=folder, parts=(slow,)), quietly)


def test_parts_start_after_what_they_wait_for(folder: Path) -> None:
    [port] = free_ports(1)
    first = a_step("first", f"import time; time.sleep(0.5); open({str(folder / 'made')!r}, 'w')")
    second = a_step("second", f"open({str(folder / 'made')!r})", after=("first",))
    with launched(Plan(folder=folder, parts=(a_server("web", port, after=("second",)), second, first)), quietly):
        assert is_open(port)


def test_progress_of_a_step_reaches_the_one_who_waits(folder: Path) -> None:
    step = Part(name="build", command=(sys.executable, "-c", "print('half done')"), environment=ENVIRONMENT, relayed=True)
    lines: list[str] = []

    with launched(Plan(folder=folder, parts=(step,)), lines.append):
        pass

    assert "half done" in lines


def test_two_plans_run_side_by_side(tmp_path: Path) -> None:
    one, other = a_plan(tmp_path / "one"), a_plan(tmp_path / "other")
    with launched(other, quietly):
        with launched(one, quietly):
            assert all(map(is_open, one.ports + other.ports))
        assert nothing_is_left(one)
        assert all(map(is_open, other.ports))


def test_a_temporary_folder_goes_with_its_programs(folder: Path) -> None:
    running: Launch = launch(a_plan(folder, temporary=True), quietly)

    running.stop()

    assert not folder.exists()


def test_a_temporary_folder_goes_also_when_its_launcher_was_killed(folder: Path) -> None:
    a_plan(folder, temporary=True).save()
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(folder)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "up\n"
        program.kill()

    assert eventually(lambda: not folder.exists())
