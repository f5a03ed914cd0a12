"""How an informer is doing, as a frozen snapshot, and the log lines about it.

Routine reconnects are DEBUG. What somebody has to mend, and a cache that has gone stale, is WARNING when it begins and
once a minute while it lasts, with the decision taken. Never an object's body, never a credential.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from aioinformer.errors import (
    APIError,
    ConfigurationError,
    Forbidden,
    InformerError,
    NotFound,
    Unauthorized,
    UnknownResource,
)
from aioinformer.failures import WARN_EVERY, Decision, Reporter, decision_of
from aioinformer.transitions import After, Happening, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aioinformer.audit import AuditReport
    from aioinformer.listwatch import ListWatch, Request, Step
    from aioinformer.packing import StorageStatus
    from aioinformer.warm import WarmStart

__all__ = ["FactoryStatus", "InformerState", "InformerStatus", "Monitor", "NamespaceStatus", "advice"]

logger = logging.getLogger(__name__)

STALE_AFTER = 60.0
"""Seconds without a watch, and without a word from the server, after which a cache counts as stale."""


class InformerState(StrEnum):
    """Where an informer stands. A normal reconnect goes from LIVE over RESUMING to LIVE."""

    IDLE = "idle"
    """Not started: its factory is not running."""
    SYNCING = "syncing"
    """The first snapshot is on its way."""
    LIVE = "live"
    """The cache follows the server."""
    RESUMING = "resuming"
    """The watch is being opened again, or a new snapshot fetched; reads show what was known before."""
    STALE = "stale"
    """No watch and no word from the server for a minute: reads show an old state."""
    DEGRADED = "degraded"
    """Of its several namespaces some are denied, missing or refused, and the others followed: ``status.namespaces`` says which."""
    DENIED = "denied"
    """401 or 403: somebody has to grant access. It goes on trying."""
    MISSING = "missing"
    """404: the server does not serve the resource. It goes on trying."""
    REFUSED = "refused"
    """400, 405, 415 or 422: the server does not take the request, such as its field selector. It goes on trying."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class NamespaceStatus:
    """One namespace's share of an informer on several. Durations are seconds, moments are UTC."""

    state: InformerState
    synced: bool
    """Whether its objects are in the cache, as they are or were."""
    resource_version: str
    last_error: InformerError | None
    last_error_at: datetime | None
    attempts: int
    """Failures in a row since the last progress."""
    next_retry: float | None
    """Seconds until the next attempt, ``None`` when none is waited for."""
    age: float | None
    """Seconds since the last proof of life from the server, ``None`` before the first."""


@dataclass(frozen=True, slots=True)
class InformerStatus:
    """A snapshot of one informer. Durations are seconds, moments are UTC."""

    name: str
    state: InformerState
    synced: bool
    resource_version: str
    objects: int
    quarantined: int
    last_error: InformerError | None
    last_error_at: datetime | None
    attempts: int
    """Failures in a row since the last progress."""
    next_retry: float | None
    """Seconds until the next attempt, ``None`` when none is waited for."""
    age: float | None
    """Seconds since the last proof of life from the server, ``None`` before the first."""
    restarts: int
    """Snapshots fetched after the first one."""
    pending: tuple[int, ...]
    """Events waiting, per subscription."""
    last_audit: AuditReport | None = None
    """What the last audit found, if there was one."""
    storage: StorageStatus | None = None
    """How the objects are kept: how many are packed, how well, and if not, why."""
    failure: InformerError | None = None
    """The defect that stopped it, if one did."""
    warm_start: WarmStart | None = None
    """What came of ``restore_from``, if it was asked for and has been tried."""
    lag: tuple[float, ...] = ()
    """Seconds for which the oldest waiting event has waited, per subscription."""
    namespaces: Mapping[str, NamespaceStatus] = field(default_factory=dict[str, NamespaceStatus])
    """For an informer on several namespaces, each one's own; what stands above is of all of them together."""
    resource: str = ""
    """What it is an informer on, without its scope."""
    events: int = 0
    """Watch events applied so far, those that changed nothing included."""
    reconnects: int = 0
    """Watches opened again so far from the version reached, routine ones included."""
    requests: Mapping[State, int] = field(default_factory=dict[State, int])
    """Requests sent so far, by what was asked for."""
    failures: Mapping[Decision, int] = field(default_factory=dict[Decision, int])
    """Failures so far, by what was decided; see ``on_error``."""

    @property
    def ready(self) -> bool:
        """Whether its reads are fit to serve from: synced, and followed or about to be. A normal reconnect keeps it true.

        So does a namespace that is denied while others are followed.
        """
        return self.synced and self.state in READY

    @property
    def degraded(self) -> Mapping[str, NamespaceStatus]:
        """Of several namespaces those that are denied, missing or refused."""
        return {name: status for name, status in self.namespaces.items() if status.state in TROUBLES}

    def explain(self) -> str:
        """One line: how it is doing and why."""
        set_aside = f", {self.quarantined} in quarantine" if self.quarantined else ""
        parts = [f"{self.name} is {self.state}, {self.objects} objects{set_aside}"]
        if self.failure is not None:
            parts.append(f"because: {self.failure}")
        elif self.last_error is not None:
            count = "1 failure" if self.attempts == 1 else f"{self.attempts} failures in a row"
            said = f"{count}, the last" if self.attempts else "overcome since"
            parts.append(f"{said}: {self.last_error}")
        if self.next_retry is not None:
            parts.append(f"next try in {self.next_retry:.1f} s")
        parts += [f"namespace {name} is {s.state}: {s.last_error}" for name, s in self.degraded.items()]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class FactoryStatus:
    """A snapshot of a factory: ``state`` is ``"idle"``, ``"running"`` or ``"ended"``."""

    state: str
    informers: tuple[InformerStatus, ...]
    """In the order they were asked for."""

    @property
    def objects(self) -> int:
        """How many objects all caches hold."""
        return sum(status.objects for status in self.informers)

    @property
    def ready(self) -> bool:
        """Whether the factory runs, and the reads of all its informers are fit to serve from."""
        return self.state == "running" and all(status.ready for status in self.informers)

    def explain(self) -> str:
        """A line for the factory, and one for each informer."""
        count = f"{len(self.informers)} informers" if len(self.informers) != 1 else "1 informer"
        head = f"the factory is {self.state}, {count}, {self.objects} objects"
        return "\n".join([head, *(status.explain() for status in self.informers)])


READY = frozenset({InformerState.LIVE, InformerState.RESUMING, InformerState.DEGRADED})
TROUBLES = frozenset({InformerState.DENIED, InformerState.MISSING, InformerState.REFUSED})

_TROUBLES = {
    Happening.UNAUTHORIZED: InformerState.DENIED,
    Happening.FORBIDDEN: InformerState.DENIED,
    Happening.NOT_FOUND: InformerState.MISSING,
    Happening.REFUSED: InformerState.REFUSED,
}
_ADVICE: tuple[tuple[type[InformerError], str], ...] = (
    (Unauthorized, "check the client's credentials"),
    (Forbidden, "grant this user list and watch on it, or wait for that with keep_waiting=True"),
    (UnknownResource, "or wait for it to be installed with keep_waiting=True"),
    (NotFound, "check the name, group and version, or wait for it to be installed with keep_waiting=True"),
    (APIError, "mend what the server objects to"),
    (ConfigurationError, "mend the client's credentials"),
)


def advice(error: InformerError) -> str:
    """What to do about an error that stops the first sync."""
    return next((what for kind, what in _ADVICE if isinstance(error, kind)), "see the error")


class Monitor:
    """Watches one reflector (it is its ``Observer``) and remembers what a status needs.

    ``changed`` is called when the state may be another one than before; the ``reporter`` is told of what went wrong.
    """

    def __init__(
        self,
        name: str,
        machine: ListWatch,
        clock: Callable[[], float],
        changed: Callable[[], None],
        reporter: Reporter,
        namespace: str | None = None,
    ) -> None:
        self.name = name
        self.last_error: InformerError | None = None
        self.last_error_at: datetime | None = None
        self.blocked_by: InformerError | None = None
        self._machine = machine
        self._clock = clock
        self._changed = changed
        self._reporter = reporter
        self._namespace = namespace
        self._connected = False
        self._heard_at: float | None = None
        self._current_at: float | None = None
        """When the cache was last known to be current: as long as a watch lives, that is now."""
        self._retry_at: float | None = None
        self._trouble: InformerState | None = None
        self._warned_about: tuple[Happening, bool] | None = None
        self._warned_at = 0.0

    @property
    def attempts(self) -> int:
        """Failures in a row since the last progress."""
        return self._machine.failures

    @property
    def age(self) -> float | None:
        """Seconds since the last proof of life."""
        return None if self._heard_at is None else self._clock() - self._heard_at

    @property
    def next_retry(self) -> float | None:
        """Seconds until the next attempt."""
        return None if self._retry_at is None else max(0.0, self._retry_at - self._clock())

    def state(self, *, synced: bool) -> InformerState:
        """The state as of now."""
        if self._trouble is not None:
            return self._trouble
        if not synced:
            return InformerState.SYNCING
        if self.watches:
            return InformerState.LIVE
        return InformerState.STALE if self._is_stale else InformerState.RESUMING

    def stale_at(self, *, synced: bool) -> float | None:
        """When, by the clock, ``RESUMING`` turns to ``STALE`` if nothing is heard; ``None`` in every other state."""
        if self._current_at is None or self.state(synced=synced) is not InformerState.RESUMING:
            return None
        return self._current_at + STALE_AFTER

    def requested(self, request: Request) -> None:
        """A request is about to be sent."""
        self._retry_at = None
        self._reporter.requests[request.state] += 1
        logger.debug("%s: %s %s", self.name, request.state, request.query)

    def heard(self) -> None:
        """The server lives."""
        news = not self._connected or self._trouble is not None
        self._heard_at = self._current_at = self._clock()
        self._connected = True
        self._trouble = self.blocked_by = None
        if news:
            self._changed()

    def ended(self, step: Step, error: InformerError | None) -> None:
        """A response is over."""
        if self._connected and step.happening is not Happening.IDLE:  # a silent one was dead for longer than we knew
            self._current_at = self._clock()
        self._connected = False
        if step.after is After.RESUME and self._machine.state is State.WATCHING:
            self._reporter.reconnects += 1
        self._retry_at = self._clock() + step.pause if step.pause else None
        if error is not None:
            error.__context__ = None
            self.last_error = error.with_traceback(None)  # its frames hold what was being read, which may be much
            self.last_error_at = datetime.now(UTC)
            self._trouble = _TROUBLES.get(step.happening) if step.final else None
            self.blocked_by = error if step.final else None
            self._log(step, error)
        self._changed()
        if error is not None:
            self._reporter.failed(
                self.name, error, decision_of(step),
                pause=step.pause, failures=self.attempts, namespace=self._namespace,
            )  # fmt: skip

    @property
    def watches(self) -> bool:
        """Whether a watch that follows the cache is open."""
        return self._connected and self._machine.state is State.WATCHING

    @property
    def _is_stale(self) -> bool:
        return self._current_at is not None and self._clock() >= self._current_at + STALE_AFTER

    def _log(self, step: Step, error: InformerError) -> None:
        stale = self._is_stale
        matters = stale or step.final or step.after is After.FALL_BACK
        news = (step.happening, stale) != self._warned_about or self._clock() - self._warned_at >= WARN_EVERY
        level = logging.WARNING if matters and news else logging.DEBUG
        if level == logging.WARNING:
            self._warned_about, self._warned_at = (step.happening, stale), self._clock()
        for_how_long = f", nothing heard for {self.age:.0f} s" if stale else ""
        logger.log(
            level, "%s: %s%s; next: %s in %.1f s (failure %d)",
            self.name, error, for_how_long, decision_of(step), step.pause, self.attempts,
        )  # fmt: skip
