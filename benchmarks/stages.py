"""Where each microsecond of a watch event goes: the stages one by one in this process, and the whole beside their sum.

Each stage is run on the same events with nothing around it, and the least of many rounds is taken, which is what it
costs when nobody disturbs it. What the whole takes beyond our read and the stages goes to tasks, queues, time-outs,
and to caches of the processor that the stages alone need not share.
"""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any

import msgspec

from aioinformer.batches import Delta, Deltas, Undecodable
from aioinformer.framing import LineSplitter
from aioinformer.objects import KubeObject
from aioinformer.packing import SAMPLES, Packer
from aioinformer.reflector import SLICE
from aioinformer.scope import Scope, Terms
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store
from aioinformer.subscription import Subscription
from aioinformer.wire import closely, decode_lines
from benchmarks.drawing import GROUPS
from benchmarks.pods import plate
from benchmarks.result import Result
from benchmarks.servers import Recording, compiled_server, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aioinformer.batches import Change
    from aioinformer.framing import Lines
    from benchmarks.clients import Client

__all__ = ["measure", "stages"]

CHUNK = 64 * 1024
"""Bytes that a read of a busy watch brings."""
PODS = 400
ROUNDS = 15
Costs = dict[str, float]


class _Nothing(msgspec.Struct):
    """An object of which nothing is built."""


_FORM = b'{"type":"MODIFIED","object":'
_validate = msgspec.json.Decoder(_Nothing).decode


async def stages(_: str = "", pods: int = PODS, *, rounds: int = ROUNDS) -> Costs:
    """Seconds per event of each stage."""
    events = (plate("MODIFIED", at % pods % GROUPS).fill(at % pods, version=at + 1) for at in range(2 * pods))
    stream = b"".join(events)
    chunks = [stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK)]
    gc.collect()
    costs: Costs = {}
    lines = _least(costs, "framing: chunks to lines", 2 * pods, rounds, lambda: _framed(chunks))
    deltas = _decoded(lines)
    _least(costs, "decode: lines to deltas", 2 * pods, rounds, lambda: _decoded(lines, keep=False))
    objects = [line for buffer, start, end in lines for line in buffer[start:end].split(b"\n")]
    _least(
        costs, "without speedups: lines to deltas, instead", 2 * pods, rounds, lambda: _in_slices(_by_python, objects)
    )
    _least(costs, "of that msgspec's pass over the bytes", 2 * pods, rounds, lambda: _in_slices(_validate, objects))
    whole = [delta for delta in deltas if isinstance(delta, Delta)]
    changes = _applied(costs, whole[:pods], whole[pods:], rounds)
    await _consumed(costs, changes, rounds)
    records = [change.new for change in changes if change.new is not None]
    _least(costs, "view: key and labels read", pods, rounds, lambda: _in_slices(_looked_at, records))
    _packed(costs, records, rounds)
    return costs


def _least(costs: Costs, name: str, count: int, rounds: int, work: Callable[[], Any]) -> Any:
    """What the work returns; and what it costs at least, per event, under this name."""
    result: Any = None
    for _ in range(rounds):
        del result  # letting go of the last round's is no part of this one
        result, started = None, process_time()
        result = work()
        costs[name] = min(costs.get(name, 1.0), (process_time() - started) / count)
    return result


def _in_slices(function: Callable[[Any], object], items: Sequence[Any]) -> None:
    """As many at a time as the pipeline takes, and then let go of: memory that is new to the process costs more."""
    for start in range(0, len(items), SLICE):
        [function(item) for item in items[start : start + SLICE]]  # pyright: ignore[reportUnusedExpression]  # kept until the slice is done


def _by_python(line: bytes) -> object:
    return closely(line, len(_FORM), len(line) - 1, deleted=False, keep_managed_fields=False)


def _framed(chunks: list[bytes]) -> list[Lines]:
    splitter = LineSplitter()
    return [lines for chunk in chunks for lines in splitter.feed(chunk)]


def _decoded(all_lines: list[Lines], *, keep: bool = True) -> list[Delta | Undecodable]:
    """What they say, as many at a time as the pipeline takes; if not to ``keep``, they are let go of as they are there."""
    kept: list[Delta | Undecodable] = []
    for buffer, start, end in all_lines:
        at = start
        while at < end:
            taken, at = decode_lines((buffer, at, end), SLICE)
            if keep:
                kept += taken.events
    return kept


def _applied(costs: Costs, before: list[Delta], after: list[Delta], rounds: int) -> list[Change]:
    """Updates of a cache, in batches as they come."""
    changes: list[Change] = []
    for _ in range(rounds):
        store = Store()
        store.apply(Deltas([*before], "1"))
        batches = [Deltas([*after[start : start + SLICE]], "2") for start in range(0, len(after), SLICE)]
        work = partial(_taken_in, store, batches)
        changes = _least(costs, "apply: the cache takes them in", len(after), 1, work)
    return changes


def _taken_in(store: Store, batches: list[Deltas]) -> list[Change]:
    return [change for batch in batches for change in store.apply(batch)]


async def _consumed(costs: Costs, changes: list[Change], rounds: int) -> None:
    """Handing over to one subscriber, and both ways of taking from it; all of it is there already."""
    count = len(changes)
    for _ in range(rounds):
        for name in ("async for: an event at a time", "batches(): 256 at a time, instead"):
            subscription = Subscription(Store(), KubeObject, Terms(_everything(), replay=False, max_pending=count))
            subscription.start("1")
            await anext(subscription)  # Synced
            _least(costs, "offer: to a subscriber", count, 1, lambda: subscription.offer(changes))  # noqa: B023  # called at once
            started = process_time()
            if name.startswith("async for"):
                async for _event in subscription:
                    if not subscription.pending:
                        break
            else:
                async for _events in subscription.batches():
                    if not subscription.pending:
                        break
            costs[name] = min(costs.get(name, 1.0), (process_time() - started) / count)


def _everything() -> Scope:
    return Scope(None, LabelSelector.parse(""))


def _looked_at(record: Any) -> object:
    pod = KubeObject(record)
    return pod.key, pod.labels


def _read(record: Any) -> bytes:
    raw: bytes = record.raw
    return raw


def _whole(record: Any) -> object:
    return KubeObject(record).to_dict()


def _packed(costs: Costs, records: list[Any], rounds: int) -> None:
    """What is no part of an event's way: packing, which comes later, and reading more than key and labels."""
    packer = Packer()
    _least(costs, "later: a dictionary, per sample", SAMPLES, 3, lambda: packer.learn(records))
    if packer.mode == "plain":
        return
    packed = _least(
        costs, "later: packing", len(records), rounds, lambda: [packer.pack(each.key, each) for each in records]
    )
    held = [each for each in packed if each is not None]
    _least(costs, "read: a packed object's bytes", len(held), rounds, lambda: _in_slices(_read, held))
    _least(costs, "read: to_dict() of a plain one", len(records), rounds, lambda: _in_slices(_whole, records))


ON_THE_WAY = ("framing", "decode", "apply", "offer", "async for", "view")
"""The stages whose sum an event takes that somebody reads one at a time."""


def measure(ours: Client, events: int = 20_000, rounds: int = 3) -> list[Result]:
    """The stages, a bare read of the same bytes by aiohttp and by our transport, and the whole."""
    line = ours.run("stages", "", PODS)
    versions = line.pop("versions")
    with replay(Recording(1000, events), program=compiled_server()) as url:
        bare, read, whole, batches = (
            min(each["cpu"] / each["count"] for each in (ours.run(name, url, events) for _ in range(rounds)))
            for name in ("bare", "read", "events", "events-batches")
        )
    known = read + sum(cost for name, cost in line.items() if name.startswith(ON_THE_WAY))
    costs = {
        "a bare aiohttp read": bare,
        "read: by our transport, instead": read,
        **line,
        "the whole, async for": whole,
        "the whole, batches()": batches,
        "of it tasks, queues, time-outs, cold caches": whole - known,
    }
    return [
        Result("stages", name, cost * 1e6, "µs", cost * 1e6, cost * 1e6, versions=versions)
        for name, cost in costs.items()
    ]


if __name__ == "__main__":
    for stage, cost in asyncio.run(stages()).items():
        print(f"{stage:50}{cost * 1e6:8.2f} µs")
