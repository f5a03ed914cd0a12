"""What goes wrong with an informer, and what is done about it: told to the caller's hook, and counted.

Whatever is in a status or in the log as a failure comes through here, so that the three never tell different stories.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from aioinformer.transitions import After, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aioinformer.listwatch import Step
    from aioinformer.quarantine import Quarantined
    from aioinformer.resource import GroupVersionResource, ResourceName

__all__ = ["WARN_EVERY", "Decision", "Failure", "OnError", "Reporter", "decision_of"]

logger = logging.getLogger(__name__)

WARN_EVERY = 60.0
"""Seconds until the same trouble is a warning again; in between it is DEBUG."""


class Decision(StrEnum):
    """What an informer does about a failure."""

    RESUME = "resume"
    """The same again after the pause: a watch from the last version, or the same page of a list. Nothing was missed."""
    RELIST = "relist"
    """A new snapshot after the pause, which is compared with the cache."""
    FALL_BACK = "fall_back"
    """A new snapshot after the pause, in pages: the server does not stream lists."""
    PARK = "park"
    """401, 403, 404 or a refused request: nothing will change without somebody's doing. It goes on trying, slowly."""
    SET_ASIDE = "set_aside"
    """One object is in quarantine; everything else goes on."""
    REPAIR = "repair"
    """An audit found the cache wrong, and a relist has put it right."""
    REPORT = "report"
    """An audit found the cache wrong, and was not to repair it."""
    SKIP_AUDIT = "skip_audit"
    """A periodic audit could not be made; the next one is tried in its time."""
    START_COLD = "start_cold"
    """The file of ``restore_from`` cannot be used; the cache begins empty."""
    STOP = "stop"
    """A defect, or an object that a strict informer cannot take in: the informer has stopped, and ``failure`` says why."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, and the decision that was taken about it. Printed, it is one line, without any object's body."""

    informer: str
    """As in ``status.name``; of an informer on several namespaces, with the one that is concerned."""
    resource: GroupVersionResource | ResourceName
    error: Exception = field(repr=False)
    """An ``InformerError``; for ``SET_ASIDE`` whatever your own function raised, which may quote the object."""
    decision: Decision
    pause: float = 0.0
    """Seconds until the next attempt."""
    failures: int = 0
    """Failures in a row since the last progress, this one included; 0 for what is no request's."""
    namespace: str | None = None
    """The one that is concerned, where it is known to be one."""
    key: str = ""
    """The object that is concerned, where it is one."""
    resource_version: str = ""
    """That object's."""

    def __str__(self) -> str:
        if self.decision is Decision.SET_ASIDE:
            what = f"{self.key or 'an object without a name'} of version {self.resource_version or 'unknown'} cannot be taken in ({type(self.error).__name__})"
        else:
            what = str(self.error)
        when = f" in {self.pause:.1f} s" if self.pause else ""
        count = f" (failure {self.failures})" if self.failures else ""
        return f"{self.informer}: {what}; next: {self.decision}{when}{count}"


OnError: TypeAlias = Callable[[Failure], object]

_DECISIONS = {
    After.RESUME: Decision.RESUME,
    After.SNAPSHOT: Decision.RELIST,
    After.FALL_BACK: Decision.FALL_BACK,
}


def decision_of(step: Step) -> Decision:
    """What a failed request leads to, in one word."""
    return Decision.PARK if step.final else _DECISIONS[step.after]


class Reporter:
    """Whom the parts of one informer tell of their requests and failures; ``hook`` is called with each failure, at once.

    A hook that raises is logged, and harms nobody.
    """

    def __init__(self, resource: GroupVersionResource | ResourceName, hook: OnError | None = None) -> None:
        self.failures: Counter[Decision] = Counter()
        """Since it was made, by what was decided."""
        self.requests: Counter[State] = Counter()
        """Since it was made, by what was asked for."""
        self.reconnects = 0
        """Watches opened again from the version reached."""
        self._resource = resource
        self._hook = hook
        self._warn_again_at = float("-inf")

    def failed(  # noqa: PLR0913  # what a failure is made of, by keyword
        self,
        informer: str,
        error: Exception,
        decision: Decision,
        *,
        pause: float = 0.0,
        failures: int = 0,
        namespace: str | None = None,
        key: str = "",
        resource_version: str = "",
    ) -> None:
        """Something went wrong, and this is done about it."""
        self.failures[decision] += 1
        if self._hook is None:
            return
        failure = Failure(
            informer, self._resource, error, decision, pause, failures, namespace, key, resource_version
        )  # fmt: skip
        try:
            answer = self._hook(failure)
        except (Exception, asyncio.CancelledError):  # the user's function, whatever it raises
            logger.exception("%s: on_error raised, and goes on being called", informer)
            return
        if inspect.iscoroutine(answer):  # of a lambda, say: nobody would ever await it
            answer.close()
            logger.error("%s: on_error gave a coroutine, which nobody awaits: let it start a task itself", informer)

    def set_aside(self, informer: str, objects: Iterable[Quarantined]) -> None:
        """These could not be taken in. The first is a warning, and so is the next one after a minute."""
        now = asyncio.get_running_loop().time()
        for it in objects:
            level = logging.WARNING if now >= self._warn_again_at else logging.DEBUG
            if level == logging.WARNING:
                self._warn_again_at = now + WARN_EVERY
            where = f" at {it.where}" if it.where else ""
            logger.log(
                level, "%s: %s of version %s cannot be taken in (%s%s); next: %s", informer,
                it.key or "an object without a name", it.resource_version or "unknown",
                type(it.error).__name__, where, Decision.SET_ASIDE,
            )  # fmt: skip
            self.failed(
                informer, it.error, Decision.SET_ASIDE,
                namespace=it.key.rpartition("/")[0] or None, key=it.key, resource_version=it.resource_version,
            )  # fmt: skip
