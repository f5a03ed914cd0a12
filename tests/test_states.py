"""states.py: an informer's states as they change, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import Forbidden, NetworkError, NotFound, ServerError
from aioinformer.bell import Bell
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.states import StateChanges
from aioinformer.status import STALE_AFTER, InformerState
from tests.pod_server import PODS, Mirroring, PodServer

if TYPE_CHECKING:
    from aioinformer.objects import KubeObject

pytestmark = pytest.mark.looptime


class Following:
    """A reader that writes down each state, with the moment."""

    def __init__(self, states: StateChanges) -> None:
        self.seen: list[tuple[str, float]] = []
        self._states = states
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        begun = asyncio.get_running_loop().time()
        async for state in self._states:
            self.seen.append((str(state), round(asyncio.get_running_loop().time() - begun)))

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.seen]


async def test_first_comes_the_present_state() -> None:
    """At once, however long it has lasted."""
    async with Mirroring(PodServer()) as informer:
        await asyncio.sleep(1000)
        assert await anext(informer.states()) is InformerState.LIVE


async def test_a_whole_life() -> None:
    """From before the start to the end, which ends the iteration, too."""
    server = PodServer("a")
    server.refusal = NetworkError("refused")
    mirroring = Mirroring(server)
    reader = Following(mirroring.informer.states())
    await asyncio.sleep(1)
    meanwhile = asyncio.create_task(_come_up(server))
    async with mirroring as informer:
        await asyncio.sleep(1)
        server.cut()
        await asyncio.sleep(2)
        await informer.aclose()
        await reader.task
    await meanwhile
    assert reader.states == ["idle", "syncing", "live", "resuming", "live", "stopped"]


async def _come_up(server: PodServer) -> None:
    await asyncio.sleep(5)
    server.refusal = None


async def test_stale_comes_by_itself() -> None:
    """Nothing happens that could tell of it but the time."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        reader = Following(informer.states())
        await asyncio.sleep(0)
        server.refusal = ServerError(503, retry_after=3000)
        server.cut()
        await asyncio.sleep(STALE_AFTER + 5)
        assert reader.seen == [("live", 0), ("resuming", 0), ("stale", STALE_AFTER)]
        reader.task.cancel()


@pytest.mark.parametrize(("refusal", "state"), [(Forbidden(403), "denied"), (NotFound(404), "missing")])
async def test_a_refusal_shows_and_goes(refusal: Exception, state: str) -> None:
    """Until the server takes the request again."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        reader = Following(informer.states())
        server.refusal = refusal
        server.cut()
        await asyncio.sleep(10)
        assert reader.states[-1] == state
        server.refusal = None
        await asyncio.sleep(60)
        assert reader.states[-1] == "live"
        reader.task.cancel()


async def test_every_reader_gets_every_lasting_state() -> None:
    """Two at once, and one that begins later with what is the case then."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        first, second = Following(informer.states()), Following(informer.states())
        server.refusal = Forbidden(403)
        server.cut()
        await asyncio.sleep(10)
        late = Following(informer.states())
        await asyncio.sleep(1)
        await informer.aclose()
        await asyncio.wait([first.task, second.task, late.task])
        assert first.states == second.states == ["live", "resuming", "denied", "stopped"] or (
            first.states == second.states == ["live", "denied", "stopped"]
        )
        assert late.states == ["denied", "stopped"]


async def test_a_slow_reader_gets_the_latest() -> None:
    """What came and went while it did something else is not told."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        states = informer.states()
        assert await anext(states) == "live"
        server.cut()
        await asyncio.sleep(10)
        await informer.aclose()
        assert [state async for state in states] == ["stopped"]
        with pytest.raises(StopAsyncIteration):
            await anext(states)


async def test_repr_tells_the_last_state_told() -> None:
    states = Informer(InformerSpec(PODS)).states()
    assert repr(states) == "<StateChanges not begun>"
    await anext(states)
    assert repr(states) == "<StateChanges idle>"


async def test_cancelling_a_pending_step_loses_nothing() -> None:
    """The next one tells what it would have told, and nobody is left waiting at the bell."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        states = informer.states()
        await anext(states)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await anext(states)
        assert not informer._mirror.bell._waiters
        await informer.aclose()
        assert await anext(states) == "stopped"


async def test_an_informer_that_never_starts_is_idle() -> None:
    """Its end is told like any other."""
    informer: Informer[KubeObject] = Informer(InformerSpec(PODS))
    states = informer.states()
    assert await anext(states) == "idle"
    informer.finish()
    assert [state async for state in states] == ["stopped"]


class Clockwork:
    """Something that turns stale at a moment that moves."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.stale_at: float | None = 10.0

    @property
    def state(self) -> InformerState:
        assert self.stale_at is not None
        stale = asyncio.get_running_loop().time() >= self.stale_at
        return InformerState.STALE if stale else InformerState.RESUMING


async def test_a_sign_of_life_without_a_ring_puts_stale_off() -> None:
    """Chunks of a long relist ring no bell, but count."""
    clockwork = Clockwork()
    loop = asyncio.get_running_loop()
    states = StateChanges(clockwork)
    assert await anext(states) == "resuming"
    begun = loop.time()
    clockwork.stale_at = begun + 10
    loop.call_later(5, setattr, clockwork, "stale_at", begun + 25)
    assert await anext(states) == "stale"
    assert loop.time() - begun == pytest.approx(25)
