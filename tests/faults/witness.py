"""A subscriber that is there all along, writes down what it is told, and checks that it makes sense."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aioinformer import Added, Deleted, Updated
from tests.faults.writer import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aioinformer import Event, Informer, KubeObject

    History = Mapping[str, Sequence[Write]]


class Witness:
    """What one subscriber of an informer was told, by key, in the log's own terms."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Write]] = defaultdict(list)

    async def follow(self, informer: Informer[KubeObject]) -> None:
        """Write down events until the informer stops. A subscription that cannot keep up would raise."""
        async for event in informer.events(max_pending=100_000, overflow="error"):
            self.take(event)

    def take(self, event: Event[KubeObject]) -> None:
        """Write down one event.

        Raises:
            AssertionError: it does not follow from the last one of its object.
        """
        match event:
            case Added(object=new):
                assert not self._present(new.key), f"{new.key} was added twice"
                self.seen[new.key].append(Write(new.uid, new.resource_version))
            case Updated(old=old, object=new):
                assert self._present(new.key) == Write(old.uid, old.resource_version), f"{new.key}: a link is missing"
                assert old.uid == new.uid, f"{new.key} became another object"
                assert int(new.resource_version) > int(old.resource_version), f"{new.key} went back"
                self.seen[new.key].append(Write(new.uid, new.resource_version))
            case Deleted(object=gone):
                assert self._present(gone.key), f"{gone.key} was deleted twice"
                self.seen[gone.key].append(Write(gone.uid, ""))
            case _:
                pass

    def check(self, log: History, present: Mapping[str, Write], *, gapless: bool) -> None:
        """Compare what was told with what was written, and with what is there now.

        ``gapless``: nothing forced a new snapshot, so every single write has to be here. Otherwise writes may have been
        missed, but none invented, none told out of order, and the outcome of each is known.

        Raises:
            AssertionError: something was lost, or made up.
        """
        state = {key: last for key in self.seen if (last := self._present(key))}
        assert state == present, "what the events add up to is not what is there"
        for key in log.keys() | self.seen.keys():
            told, written = self.seen.get(key, []), log.get(key, [])
            if gapless:
                assert list(told) == list(written), f"{key}: {len(written)} writes, {len(told)} events"
            else:
                puts = [write for write in told if not write.deletes]
                order = {write: place for place, write in enumerate(written)}
                assert all(write in order for write in puts), f"{key}: something was told that nobody wrote"
                assert puts == sorted(puts, key=order.__getitem__), f"{key}: told out of order"

    def _present(self, key: str) -> Write | None:
        seen = self.seen.get(key)
        return seen[-1] if seen and not seen[-1].deletes else None
