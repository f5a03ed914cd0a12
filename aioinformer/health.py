"""Whether a service may answer from its caches: for readiness and liveness probes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aioinformer.status import InformerStatus

__all__ = ["FactoryHealth", "assess"]


@dataclass(frozen=True, slots=True)
class FactoryHealth:
    """True when every informer is fit to serve from; otherwise ``str`` says which is not, and why."""

    problems: Mapping[str, str]
    """For each informer that is not fit, by name: its state and what is the matter."""
    defects: Mapping[str, str]
    """Those among them that a defect has stopped, which only a restart mends: what a liveness probe is for."""
    degraded: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that serve all but some of their several namespaces, to which access is denied: no reason to serve nothing."""

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        return " | ".join(self.problems.values()) or "ok"


def assess(statuses: Iterable[InformerStatus], max_staleness: float | None) -> FactoryHealth:
    """The health of a factory's informers; see ``SharedInformerFactory.healthy``."""
    problems: dict[str, str] = {}
    defects: dict[str, str] = {}
    degraded: dict[str, str] = {}
    for status in statuses:
        late = status.age is not None and max_staleness is not None and status.age > max_staleness
        if status.degraded:
            degraded[status.name] = status.explain()
        if status.ready and not late:
            continue
        heard = f"; nothing heard for {status.age:.0f} s" if late else ""
        problems[status.name] = f"{status.explain()}{heard}"
        if status.failure is not None:
            defects[status.name] = str(status.failure)
    return FactoryHealth(problems, defects, degraded)
