from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aioinformer.testing.control_plane_binaries import ControlPlaneError
from aioinformer.testing.control_plane_process import ControlPlaneProcess, PortTakenError, ProcessGroup

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

PATIENCE = 30.0
FOREVER = "import sys, time\nprint('up', flush=True)\nsys.stdin.read()\ntime.sleep(3600)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER

Started = list[ControlPlaneProcess]


@pytest.fixture
def started() -> Iterator[Started]:
    processes: Started = []
    yield processes
    for process in processes:
        process.kill()


def run(started: Started, tmp_path: Path, code: str) -> ControlPlaneProcess:
    process = ControlPlaneProcess("thing", [sys.executable, "-c", code], tmp_path / "thing.log")
    started.append(process)
    process.start()
    return process


async def test_a_process_that_dies_tells_its_name_status_and_last_words(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, "print('no such flag'); raise SystemExit(7)")
    assert await process.ended(time.monotonic() + PATIENCE)
    assert process.pid is None
    with pytest.raises(ControlPlaneError, match=r"thing died \(exit status 7\)") as caught:
        process.check_running()
    assert "no such flag" in str(caught.value)
    assert not isinstance(caught.value, PortTakenError)


async def test_a_taken_port_is_told_apart(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, "raise SystemExit('listen tcp 127.0.0.1:1: bind: address already in use')")
    assert await process.ended(time.monotonic() + PATIENCE)
    with pytest.raises(PortTakenError):
        process.check_running()


async def test_terminate_ends_it(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, FOREVER)
    process.check_running()
    assert process.pid is not None
    process.terminate()
    assert await process.ended(time.monotonic() + PATIENCE)
    process.terminate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to ignore")
async def test_kill_ends_and_reaps_what_ignores_terminate(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, STUBBORN)
    while process.log_tail() != "up":
        assert not await process.ended(time.monotonic() + 0.01)
    pid = process.pid
    assert pid is not None
    process.terminate()
    assert not await process.ended(time.monotonic() + 0.1)
    process.kill()
    assert not process.running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_second_run_appends_to_the_log(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, "print('spoke')")
    assert await process.ended(time.monotonic() + PATIENCE)
    process.start()
    assert await process.ended(time.monotonic() + PATIENCE)
    assert process.log_tail().split() == ["spoke", "spoke"]
    assert process.log_tail(lines=1) == "spoke"


def test_starting_twice_is_refused(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, FOREVER)
    with pytest.raises(ControlPlaneError, match="running already"):
        process.start()


def test_a_missing_executable_is_named(tmp_path: Path) -> None:
    process = ControlPlaneProcess("thing", [str(tmp_path / "absent")], tmp_path / "thing.log")
    with pytest.raises(ControlPlaneError, match="thing could not be started"):
        process.start()
    with pytest.raises(ControlPlaneError, match=r"never started"):
        process.check_running()


def test_a_process_never_started_has_nothing_to_end(tmp_path: Path) -> None:
    process = ControlPlaneProcess("thing", ["thing"], tmp_path / "thing.log")
    process.terminate()
    process.kill()
    assert not process.running
    assert process.log_tail().startswith("(no log")
    assert repr(process) == "<ControlPlaneProcess thing: not running>"


CLOCK = """import time
while True:
    print(time.monotonic_ns(), flush=True)
    time.sleep(0.001)"""


def state_of(process: ControlPlaneProcess) -> str:
    """The letter the kernel has for it: ``T`` when it is suspended."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the process's state from /proc")
async def test_a_paused_process_lives_and_does_nothing_until_the_context_ends(started: Started, tmp_path: Path) -> None:
    process = run(started, tmp_path, CLOCK)
    while process.log_tail() == "(empty)":
        assert not await process.ended(time.monotonic() + 0.01)
    with process.paused():
        while state_of(process) != "T":
            process.check_running()
        before = process.log.stat().st_size
        assert not await process.ended(time.monotonic() + 0.05)
        assert process.log.stat().st_size == before
    while process.log.stat().st_size == before:
        process.check_running()


@pytest.fixture
async def group() -> AsyncGenerator[ProcessGroup]:
    group = ProcessGroup(start_timeout=PATIENCE)
    yield group
    await group.stop(PATIENCE)


def sleeper(name: str, tmp_path: Path) -> ControlPlaneProcess:
    return ControlPlaneProcess(name, [sys.executable, "-c", FOREVER], tmp_path / f"{name}.log")


async def test_a_group_knows_its_processes_by_name(group: ProcessGroup, tmp_path: Path) -> None:
    async def ready() -> None:
        pass

    await group.launch(sleeper("thing", tmp_path), ready)
    assert group.pids == {"thing": group["thing"].pid}
    with pytest.raises(ControlPlaneError, match="no other running"):
        _ = group["other"]
    await group.stop(PATIENCE)
    assert group.pids == {}


async def test_a_restart_kills_starts_and_waits_until_the_probe_passes_again(
    group: ProcessGroup, tmp_path: Path
) -> None:
    probed: list[int | None] = []

    async def ready() -> None:
        probed.append(group["thing"].pid)
        if len(probed) % 2:
            raise ConnectionRefusedError

    await group.launch(sleeper("thing", tmp_path), ready)
    first = group["thing"].pid
    await group.restart("thing")
    assert probed == [first, first, group["thing"].pid, group["thing"].pid]
    assert first != group["thing"].pid


async def test_one_that_died_is_noticed(group: ProcessGroup, tmp_path: Path) -> None:
    async def ready() -> None:
        pass

    await group.launch(sleeper("thing", tmp_path), ready)
    group.check_running()
    group["thing"].kill()
    with pytest.raises(ControlPlaneError, match="thing died"):
        group.check_running()
