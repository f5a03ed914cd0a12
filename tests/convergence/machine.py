"""The convergence machine: whatever is written and whatever goes wrong, in the end everybody agrees with the server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.convergence.follower import Terms
from tests.convergence.world import CLIENT, CONFIGMAPS, KINDS, RESOURCES, Part, Place, World

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Convergence"]

FEW_INFORMERS, FEW_FOLLOWERS = 5, 6

resources = st.sampled_from([*RESOURCES, CONFIGMAPS, CONFIGMAPS])
places = st.builds(Place, resources, st.sampled_from("ab"), st.sampled_from("xyz"))
apps = st.sampled_from(["", "web", "db"])
sizes = st.sampled_from([0, 0, 0, 300, 70_000])
kinds = st.sampled_from(sorted(KINDS))
some_parts: st.SearchStrategy[Part] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"resource": resources}),
    st.fixed_dictionaries({"namespace": st.sampled_from("ab")}),
    st.just({"client": CLIENT}),
)
parts: st.SearchStrategy[Part] = st.integers(0, 4) | some_parts
terms = st.builds(
    Terms,
    namespace=st.sampled_from([None, None, "a"]),
    label_selector=st.sampled_from(["", "", "app=web"]),
    replay=st.booleans(),
    resync=st.sampled_from([None, 45.0]),
    max_pending=st.sampled_from([1024, 3, 1, 1]),
    overflow=st.sampled_from(["coalesce", "coalesce", "error"]),
    pace=st.sampled_from([0.0, 0.3, 20.0]),
)


class Convergence(RuleBasedStateMachine):
    """One example. ``examples`` and ``faults`` count over all of them."""

    examples = 0
    faults: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.world = World()

    @initialize(
        kinds=st.lists(kinds, min_size=1, max_size=3, unique=True),
        present=st.lists(places, max_size=5),
        followers=st.lists(terms, min_size=2, max_size=4),
    )
    def begin(self, kinds: Sequence[str], present: Sequence[Place], followers: Sequence[Terms]) -> None:
        for place in present:
            self.world.write(place, "web")
        for kind in kinds:
            self.world.run(self.world.inform(kind))
        for number, terms in enumerate(followers):
            self.world.run(self.world.follow(self._kind(number), terms))

    def teardown(self) -> None:
        """Whatever happened, what comes then is mirrored as if nothing had: events, and a relist that finds as much."""
        try:
            self.world.converge()
            self.world.stir()
            self.world.converge()
            with self.world.absence():
                self.world.stir()
            self.world.converge()
        finally:
            self.world.close()

    @rule()
    def converge(self) -> None:
        self.world.converge()

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.5, 5.0, 40.0, 400.0]))
    def go_on(self, seconds: float) -> None:
        self.world.run(self.world.go_on(seconds))

    @rule(turns=st.integers(1, 12))
    def take_turns(self, turns: int) -> None:
        self.world.run(self.world.take_turns(turns))

    @rule(place=places, app=apps, size=sizes)
    def write(self, place: Place, app: str, size: int) -> None:
        self.world.write(place, app, size)

    @rule(writes=st.lists(st.tuples(places, apps), min_size=2, max_size=12), delete=st.sets(places, max_size=4))
    def burst(self, writes: Sequence[tuple[Place, str]], delete: set[Place]) -> None:
        for place, app in writes:
            self.world.write(place, app)
        for place in sorted(delete, key=str):
            self.world.delete(place)

    @precondition(lambda self: self.world.informers)
    @rule(
        number=st.integers(0, FEW_INFORMERS),
        namespace=st.sampled_from("ab"),
        name=st.sampled_from("xyz"),
        moves=st.lists(st.sampled_from("wwwwxd"), min_size=3, max_size=8),
        gone=st.booleans(),
    )
    def churn(self, number: int, namespace: str, name: str, moves: Sequence[str], *, gone: bool) -> None:
        """One object that somebody watches, faster than a slow subscriber can follow."""
        place = self.world.watched(self._kind(number), namespace, name)
        for move in [*moves, "d" if gone else "w"]:
            if move == "w":
                self.world.write(place, "web")
            else:
                self.world.delete(place)
            if move == "x":
                self.world.write(place, "db")

    @rule(writes=st.lists(st.tuples(places, apps), min_size=3, max_size=12), delete=st.sets(places, max_size=6))
    def miss(self, writes: Sequence[tuple[Place, str]], delete: set[Place]) -> None:
        """Every watch is cut, and when the server answers again it has forgotten what happened since."""
        with self.world.absence():
            self.burst(writes, delete)

    @rule(place=places)
    def delete(self, place: Place) -> None:
        self.world.delete(place)

    @rule(place=places, app=apps)
    def replace(self, place: Place, app: str) -> None:
        self.world.delete(place)
        self.world.write(place, app)

    @rule(place=places)
    def hold_back(self, place: Place) -> None:
        self.world.hold(place, ["example.com/hold"])

    @rule(place=places)
    def let_go(self, place: Place) -> None:
        self.world.hold(place, None)

    @precondition(lambda self: len(self.world.informers) < FEW_INFORMERS)
    @rule(kind=kinds)
    def inform(self, kind: str) -> None:
        self.world.run(self.world.inform(kind))

    @precondition(lambda self: self.world.informers)
    @rule(number=st.integers(0, FEW_INFORMERS))
    def stop(self, number: int) -> None:
        self.world.run(self.world.stop(self._kind(number)))

    @precondition(lambda self: self.world.informers and len(self.world.followers) < FEW_FOLLOWERS)
    @rule(number=st.integers(0, FEW_INFORMERS), terms=terms)
    def follow(self, number: int, terms: Terms) -> None:
        self.world.run(self.world.follow(self._kind(number), terms))

    @precondition(lambda self: self.world.followers)
    @rule(number=st.integers(0, FEW_FOLLOWERS))
    def interrupt(self, number: int) -> None:
        self.world.run(self.world.followers[number % len(self.world.followers)].interrupt())

    @precondition(lambda self: self.world.followers)
    @rule(number=st.integers(0, FEW_FOLLOWERS))
    def leave(self, number: int) -> None:
        self.world.run(self.world.followers.pop(number % len(self.world.followers)).leave())

    @rule(part=st.just({}) | st.fixed_dictionaries({"resource": resources}))
    def expire_history(self, part: Part) -> None:
        self._fault("expire_history", part)

    @rule()
    def compact(self) -> None:
        self.faults["compact"] += 1
        self.world.server.compact()

    @rule(part=parts, mid_line=st.booleans())
    def cut(self, part: Part, *, mid_line: bool) -> None:
        self._fault("cut", part, mid_line=mid_line)

    @rule(part=parts, mid_line=st.booleans())
    def end_cleanly(self, part: Part, *, mid_line: bool) -> None:
        self._fault("end_cleanly", part, mid_line=mid_line)

    @rule(part=some_parts, after=st.sampled_from([0.0, 0.5, 30.0]))
    def end_soon(self, part: Part, after: float) -> None:
        self._fault("end_cleanly", part, after=after)

    @rule(part=parts)
    def stall(self, part: Part) -> None:
        self._fault("stall", part)

    @rule(part=some_parts)
    def freeze(self, part: Part) -> None:
        self._fault("stall", part, new_requests=True)

    @rule(part=parts, rate=st.sampled_from([10, 1000, 100_000]))
    def slow(self, part: Part, rate: int) -> None:
        self._fault("slow", part, rate)

    @rule(part=some_parts)
    def refuse(self, part: Part) -> None:
        self._fault("refuse", part)

    @rule(
        part=some_parts,
        status=st.sampled_from([400, 401, 403, 404, 410, 429, 500, 503, 504]),
        times=st.sampled_from([1, 3, None]),
        retry_after=st.sampled_from([None, 1, 45]),
    )
    def respond(self, part: Part, status: int, times: int | None, retry_after: int | None) -> None:
        answer = {} if retry_after is None else {"retry_after": retry_after}
        self._fault("respond", part, status, times=times, **answer)

    @rule(part=parts, status=st.sampled_from([400, 410, 429, 500, 504]))
    def emit_error(self, part: Part, status: int) -> None:
        self._fault("emit_error", part, status)

    @rule(part=parts, times=st.sampled_from([1, None]))
    def garbage(self, part: Part, times: int | None) -> None:
        self._fault("garbage", part, times=times)

    @rule(part=parts, initial=st.booleans())
    def drop_bookmarks(self, part: Part, *, initial: bool) -> None:
        self._fault("drop_bookmarks", part, initial=initial)

    @rule(part=some_parts, status=st.sampled_from([422, 400, 405, None]))
    def reject_streaming_lists(self, part: Part, status: int | None) -> None:
        self._fault("reject_streaming_lists", part, status)

    @rule(part=some_parts, verb=st.sampled_from([None, "watch"]), cut=st.booleans())
    def revoke(self, part: Part, verb: str | None, *, cut: bool) -> None:
        self._fault("revoke", part, verb=verb, cut=cut)

    @rule(part=some_parts)
    def expire_tokens(self, part: Part) -> None:
        self._fault("expire_tokens", part)

    @rule(part=some_parts, place=places)
    def undecodable(self, part: Part, place: Place) -> None:
        self.faults["undecodable"] += 1
        self.world.spoil(part, place)

    @rule(part=some_parts, by=st.integers(0, 8))
    def stale(self, part: Part, by: int) -> None:
        self.faults["stale"] += 1
        self.world.go_back(part, by)

    @rule()
    def uninstall(self) -> None:
        self.faults["uninstall"] += 1
        self.world.uninstall()

    @rule()
    def heal(self) -> None:
        self.world.server.heal()

    def _kind(self, number: int) -> str:
        return sorted(self.world.informers)[number % len(self.world.informers)]

    def _fault(self, name: str, part: Part, /, *args: Any, **options: Any) -> None:
        verbs = self.world.on(part)
        if verbs is not None:
            self.faults[name] += 1
            self.world.do(lambda: getattr(verbs, name)(*args, **options))
