from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from aiohttp import ClientSession, web

from aioinformer.testing.virtual_time import Deadlock, VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path


def run(main: Coroutine[Any, Any, Any], **options: float) -> Any:
    with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, **options)) as runner:
        return runner.run(main)


class TestTime:
    def test_it_starts_at_nought_and_jumps_to_the_next_timer(self, waits: list[float | None]) -> None:
        async def main() -> list[float]:
            loop = asyncio.get_running_loop()
            times = [loop.time()]
            for seconds in (86400.0, 0.25, 1e-9):
                await asyncio.sleep(seconds)
                times.append(loop.time())
            return times

        assert run(main()) == [0.0, 86400.0, 86400.25, 86400.25 + 1e-9]
        assert set(waits) == {0}

    def test_timers_run_in_their_order_each_at_its_own_time(self) -> None:
        async def main() -> list[tuple[int, float]]:
            loop = asyncio.get_running_loop()
            ran: list[tuple[int, float]] = []

            def note(seconds: int) -> None:
                ran.append((seconds, loop.time()))

            for seconds in (3, 1, 2):
                loop.call_later(seconds, note, seconds)
            await asyncio.sleep(5)
            return ran

        assert run(main()) == [(1, 1.0), (2, 2.0), (3, 3.0)]

    def test_it_stands_still_while_anything_is_runnable(self) -> None:
        async def main() -> float:
            asyncio.get_running_loop().call_later(1, pytest.fail)
            for _ in range(1000):
                await asyncio.sleep(0)
            return asyncio.get_running_loop().time()

        assert run(main()) == 0.0

    def test_a_time_out_cuts_short_what_takes_longer(self) -> None:
        async def main() -> float:
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    await asyncio.sleep(3600)
            return asyncio.get_running_loop().time()

        assert run(main()) == 30.0

    def test_who_waits_for_a_deadline_finds_it_reached(self) -> None:
        """A sum of floats may fall short of a deadline, and whoever then sets the timer again would do so for ever."""

        async def main() -> None:
            loop = asyncio.get_running_loop()
            for divisor in range(3, 300):
                deadline = loop.time() + 554.8796950000001 / divisor
                await asyncio.sleep(deadline - loop.time() - 1e-10)
                event = asyncio.Event()
                loop.call_at(deadline, event.set)
                await event.wait()
                assert loop.time() >= deadline - 1e-9

        run(main())

    def test_decades_pass_as_well_as_hours(self) -> None:
        async def main() -> float:
            for _ in range(40):
                await asyncio.sleep(365.25 * 86400)
                await asyncio.sleep(0.001)
            return asyncio.get_running_loop().time()

        assert run(main(), limit=math.inf) == pytest.approx(40 * 365.25 * 86400)


class TestSockets:
    def test_a_client_and_a_server_talk_for_hours(self) -> None:
        async def main() -> tuple[list[str], float]:
            async def handle(request: web.BaseRequest) -> web.Response:
                await asyncio.sleep(3600)
                return web.Response(text=str(asyncio.get_running_loop().time()))

            server = web.Server(handle)
            listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
            url = "http://{}:{}".format(*listener.sockets[0].getsockname())
            async with ClientSession() as session:
                answers = [await (await session.get(url, timeout=None)).text() for _ in range(3)]
            listener.close()
            await server.shutdown()
            return answers, asyncio.get_running_loop().time()

        answers, end = run(main())
        assert [float(answer) for answer in answers] == pytest.approx([3600, 7200, 10800])
        assert end == pytest.approx(10800, abs=1)

    def test_what_was_sent_arrives_before_time_goes_on(self) -> None:
        async def main() -> list[float]:
            loop = asyncio.get_running_loop()
            here, there = socket.socketpair()
            here.setblocking(False)
            arrived: list[float] = []
            loop.add_reader(here, lambda: arrived.append((here.recv(1), loop.time())[1]))
            for _ in range(3):
                loop.call_later(10, there.send, b"x")
                await asyncio.sleep(10 + 1e-6)
            loop.remove_reader(here)
            here.close()
            there.close()
            return arrived

        assert run(main()) == pytest.approx([10, 20, 30], abs=1e-5)

    def test_io_that_is_slower_than_the_quiet_time_needs_a_longer_one(self) -> None:
        async def main() -> bool:
            here, there = socket.socketpair()
            here.setblocking(False)
            sender = threading.Timer(0.05, there.send, [b"x"])
            sender.start()
            try:
                async with asyncio.timeout(600):
                    return await asyncio.get_running_loop().sock_recv(here, 1) == b"x"
            except TimeoutError:
                return False
            finally:
                sender.join()
                here.close()
                there.close()

        assert run(main(), quiet=0.5)
        assert not run(main(), quiet=0.0)


def doze(saying: str) -> str:
    time.sleep(0.05)
    return saying


class TestOutside:
    def test_a_thread_is_waited_for_in_real_time(self) -> None:
        async def main() -> tuple[str, float]:
            async with asyncio.timeout(60):
                said = await asyncio.to_thread(doze, "done")
            return said, asyncio.get_running_loop().time()

        said, passed = run(main())
        assert said == "done"
        assert 0.04 < passed < 30

    def test_a_thread_may_wait_for_the_loop(self) -> None:
        async def main() -> str:
            loop = asyncio.get_running_loop()
            return await asyncio.to_thread(
                lambda: asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01, "slept"), loop).result(30)
            )

        assert run(main()) == "slept"

    def test_the_executor_is_shut_down_without_haste(self) -> None:
        """``Runner.close`` gives threads five minutes, which must not be over at once."""

        async def main() -> asyncio.Future[str]:
            return asyncio.get_running_loop().run_in_executor(None, doze, "done")

        assert run(main()).result() == "done"

    @pytest.mark.parametrize("shell", [True, False])
    def test_a_child_process_is_waited_for_in_real_time(self, *, shell: bool) -> None:
        async def main() -> int:
            async with asyncio.timeout(60):
                if shell:
                    process = await asyncio.create_subprocess_shell("sleep 0.05; exit 7")
                else:
                    program = "import time; time.sleep(0.05); raise SystemExit(7)"
                    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
                return await process.wait()

        assert run(main()) == 7

    def test_afterwards_time_jumps_again(self, waits: list[float | None]) -> None:
        async def main() -> None:
            await asyncio.to_thread(int)
            await (await asyncio.create_subprocess_exec("true")).wait()
            waits.clear()
            await asyncio.sleep(3600)
            assert set(waits) == {0}

        run(main())


class TestDeadlock:
    def test_it_says_who_waits_and_where(self) -> None:
        async def forlorn() -> None:
            await asyncio.Event().wait()

        async def main() -> None:
            await asyncio.create_task(forlorn(), name="the forlorn one")

        with pytest.raises(Deadlock, match=rf"no timer is set.*the forlorn one \({__file__}:\d+\)"):
            run(main(), patience=0.01)

    def test_it_names_a_task_that_never_began(self) -> None:
        loop = VirtualTimeLoop(patience=0.01)
        loop.call_soon(loop.stop)
        loop.run_forever()

        async def main() -> None:
            asyncio.current_task().set_name("alone")  # type: ignore[union-attr]
            await loop.create_future()

        with pytest.raises(Deadlock, match="alone"):
            loop.run_until_complete(main())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    def test_io_that_comes_in_time_is_none(self) -> None:
        async def main() -> None:
            done = asyncio.Event()
            timer = threading.Timer(0.05, asyncio.get_running_loop().call_soon_threadsafe, [done.set])
            timer.start()
            await done.wait()

        run(main(), patience=30)

    def test_somebody_who_ticks_for_ever_does_not_hide_one_who_waits_for_ever(self) -> None:
        async def tick() -> None:
            while True:  # noqa: ASYNC110  # there is nothing to wait for
                await asyncio.sleep(60)

        async def main() -> None:
            ticking = asyncio.create_task(tick())
            await asyncio.wait([ticking])

        with pytest.raises(Deadlock, match="still going after 3600 s"):
            run(main(), limit=3600)

    def test_the_tasks_can_still_be_cancelled_and_clean_up(self) -> None:
        cleaned = []

        async def main() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                cleaned.append(True)

        with pytest.raises(Deadlock):
            run(main(), patience=0.01)
        assert cleaned == [True]


def test_anyio_runs_on_it() -> None:
    async def main() -> float:
        with anyio.move_on_after(600):
            await anyio.sleep_forever()
        return anyio.current_time()

    assert anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}) == 600.0


PLUGINS = """
import asyncio, pytest
from aioinformer.testing.virtual_time import VirtualTimeLoop

@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualTimeLoop}

@pytest.mark.anyio
async def test_with_anyio():
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() == 3600

@pytest.mark.asyncio
async def test_with_pytest_asyncio():
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() == 3600
"""
HOOK = """
from aioinformer.testing.virtual_time import VirtualTimeLoop

def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualTimeLoop}
"""


def test_both_pytest_plugins_run_on_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOOK)
    (tmp_path / "test_hours.py").write_text(PLUGINS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(  # noqa: S603  # our own interpreter
        command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
