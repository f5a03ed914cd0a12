"""What Airflow's Kubernetes executor needs to know of its workers' pods, from informers.

Airflow runs one process for each namespace, with a watch loop and a queue back; it keeps versions of its own, and starts
processes anew that have died. What happened meanwhile it is told again, or, when a pod went, not at all.

    python airflow_pod_watcher.py my-scheduler team-a team-b
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from aioinformer import Added, Deleted, KubeObject, Resynced, SharedInformerFactory, Synced, Updated


class Outcome(StrEnum):
    """What a pod means for its task."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ADOPTED = "adopted"
    """It no longer matches the selector though nobody deleted it: another scheduler has taken it over."""


@dataclass(frozen=True)
class Finished:
    """A pod that needs its slot no longer."""

    pod: str
    outcome: Outcome
    annotations: dict[str, str]
    """Of the pod: they name its task."""


Report = Callable[[Finished], Awaitable[None]]


def outcome_of(event: Added[KubeObject] | Updated[KubeObject] | Deleted[KubeObject]) -> Outcome | None:
    """``None`` while the task goes on."""
    pod = event.object
    phase = pod.status.get("phase")
    if phase in {"Succeeded", "Failed"}:
        return Outcome(phase.lower())
    if not isinstance(event, Deleted):
        return None
    adopted = event.final_state_known and pod.metadata.deletion_timestamp is None
    return Outcome.ADOPTED if adopted else Outcome.FAILED


class PodWatcher:
    """Reports each worker's pod once, when it has finished, of all namespaces over one loop."""

    def __init__(self, factory: SharedInformerFactory, scheduler: str, namespaces: Iterable[str]) -> None:
        selector = f"airflow-worker={scheduler},kubernetes_executor_done!=True"
        self._informer = factory.informer("pods", namespace=list(namespaces), label_selector=selector)
        self._reported: set[str] = set()

    async def run(self, report: Report) -> None:
        """Until it is cancelled. A namespace that denies access is waited for, and keeps nobody else waiting."""
        async for event in self._informer.events():
            if isinstance(event, Synced | Resynced):
                continue
            pod, outcome = event.object, outcome_of(event)
            if outcome is not None and pod.uid not in self._reported:
                self._reported.add(pod.uid)
                await report(Finished(pod.key, outcome, dict(pod.annotations)))
            if isinstance(event, Deleted):
                self._reported.discard(pod.uid)


async def show(finished: Finished) -> None:
    """A stand-in for the executor."""
    print(finished.pod, finished.outcome)


async def main(scheduler: str, namespaces: list[str]) -> None:
    """Print what finishes in these namespaces."""
    async with SharedInformerFactory() as factory:
        await PodWatcher(factory, scheduler, namespaces).run(show)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
