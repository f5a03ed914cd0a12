"""Whether a workload's rollout is complete: the rules of ``kubectl rollout status``, and what it would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aioinformer.errors import InvalidOption

if TYPE_CHECKING:
    from aioinformer.objects import Stored

__all__ = ["rollout_progress"]

ROLLING = "RollingUpdate"


class _Meta(msgspec.Struct):
    generation: int = 0


class _Rolling(msgspec.Struct):
    partition: int | None = None


class _Strategy(msgspec.Struct, rename="camel"):
    type: str = ""
    rolling_update: _Rolling | None = None


class _Spec(msgspec.Struct, rename="camel"):
    replicas: int | None = None
    update_strategy: _Strategy | None = None


class _Condition(msgspec.Struct):
    type: str = ""
    reason: str = ""


class _Status(msgspec.Struct, rename="camel"):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: list[_Condition] | None = None


class _Workload(msgspec.Struct):
    metadata: _Meta
    kind: str = ""
    spec: _Spec | None = None
    status: _Status | None = None


_WORKLOAD = msgspec.json.Decoder(_Workload)


def rollout_progress(record: Stored) -> str | None:
    """What a rollout still waits for; ``None`` when it is complete.

    Raises:
        InvalidOption: this object has no rollout that could be followed.
    """
    workload = _WORKLOAD.decode(record.raw)
    rules = _RULES.get(workload.kind)
    if rules is None:
        raise InvalidOption(
            f"rolled_out is for a Deployment, StatefulSet or DaemonSet with all its fields; {record.key} is a {workload.kind or 'nameless kind'}"
        )
    spec, status = workload.spec or _Spec(), workload.status or _Status()
    if rules is not _deployment:
        strategy = spec.update_strategy.type if spec.update_strategy else ""
        if strategy != ROLLING:
            raise InvalidOption(f"rolled_out is for the strategy {ROLLING}; {record.key} has {strategy or 'none'}")
    unseen = rules is _stateful_set and not status.observed_generation
    if unseen or workload.metadata.generation > status.observed_generation:
        return "its controller has not seen its latest generation"
    return rules(spec, status)


def _deployment(spec: _Spec, status: _Status) -> str | None:
    if any(c.type == "Progressing" and c.reason == "ProgressDeadlineExceeded" for c in status.conditions or ()):
        return "it has exceeded its progress deadline"
    if spec.replicas is not None and status.updated_replicas < spec.replicas:
        return f"{status.updated_replicas} of {spec.replicas} new replicas have been updated"
    if status.replicas > status.updated_replicas:
        return f"{status.replicas - status.updated_replicas} old replicas are still there"
    if status.available_replicas < status.updated_replicas:
        return f"{status.available_replicas} of {status.updated_replicas} updated replicas are available"
    return None


def _stateful_set(spec: _Spec, status: _Status) -> str | None:
    if spec.replicas is not None and status.ready_replicas < spec.replicas:
        return f"{status.ready_replicas} of {spec.replicas} pods are ready"
    rolling = spec.update_strategy.rolling_update if spec.update_strategy else None
    if spec.replicas is not None and rolling is not None and rolling.partition is not None:
        wanted = spec.replicas - rolling.partition
        return None if status.updated_replicas >= wanted else f"{status.updated_replicas} of {wanted} pods are updated"
    if status.update_revision != status.current_revision:
        return f"{status.updated_replicas} pods are at the new revision, and others at the old one"
    return None


def _daemon_set(_: _Spec, status: _Status) -> str | None:
    desired = status.desired_number_scheduled
    if status.updated_number_scheduled < desired:
        return f"{status.updated_number_scheduled} of {desired} pods are updated"
    if status.number_available < desired:
        return f"{status.number_available} of {desired} updated pods are available"
    return None


_RULES = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}
