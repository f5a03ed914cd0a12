"""The events of a subscription, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from typing import Self

    from aioinformer.events import Event

__all__ = ["BATCH", "SOME", "Batches"]

T = TypeVar("T")

BATCH = 256
"""Events that ``batches`` gives at a time."""
SOME = 8
"""Events of a batch between two looks at the clock: with a client's model, each takes most of a millisecond."""


class Takeable(Protocol[T]):
    """What is taken from: a subscription."""

    async def __anext__(self) -> Event[T]:
        """The next event, whenever it comes."""
        ...

    def take(self, count: int, *, after_others: bool = False) -> list[Event[T]]:
        """Up to so many of those that wait; none when there are none just now. ``after_others``: it does not raise."""
        ...

    @property
    def has_had_its_turn(self) -> bool:
        """Whether others come first."""
        ...


class Batches(Generic[T]):
    """The events of a subscription, many at a time; made by ``subscription.batches()``."""

    def __init__(self, subscription: Takeable[T]) -> None:
        self._subscription = subscription

    def __repr__(self) -> str:
        return f"<Batches of {self._subscription!r}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event[T]]:
        """At least one event. Cancelling it loses none: the next one yields what it would have."""
        subscription = self._subscription
        events = [await anext(subscription)]
        while len(events) < BATCH:
            some = subscription.take(min(SOME, BATCH - len(events)), after_others=True)
            events += some
            if len(some) < SOME or subscription.has_had_its_turn:
                break
        return events
