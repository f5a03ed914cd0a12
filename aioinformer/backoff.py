"""How long to wait before trying again: exponential, with jitter.

Full jitter (a wait drawn evenly between nothing and the current ceiling) keeps many informers that failed together from
coming back together. Once the ceiling is the cap the draw is from its upper half, so that a server that is down for
long sees at most four attempts a minute from each; half the cap spreads them just as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["Backoff"]


class Backoff:
    """A ceiling that doubles with each failure from ``initial`` up to ``cap`` seconds; only ``reset`` lowers it."""

    def __init__(self, random: Random, *, initial: float = 0.8, cap: float = 30.0) -> None:
        self._random = random
        self._initial = initial
        self._cap = cap
        self.failures = 0

    def next(self) -> float:
        """Count one more failure; the seconds to wait for it, between 0 (at the cap: half of it) and the ceiling."""
        ceiling = self._initial * 2.0 ** min(self.failures, 64)
        if ceiling >= self._cap:
            return self.slowest()
        self.failures += 1
        return self._random.uniform(0.0, ceiling)

    def slowest(self) -> float:
        """Count one more failure; between half the cap and the cap, at once for one that only a person can mend."""
        self.failures += 1
        return self._random.uniform(self._cap / 2, self._cap)

    def reset(self) -> None:
        """There was real progress: the next failure is the first again."""
        self.failures = 0
