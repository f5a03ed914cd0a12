from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aioinformer.errors import InvalidOption
from aioinformer.objects import Record
from aioinformer.rollouts import rollout_progress

UNSEEN = "its controller has not seen its latest generation"
DONE = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}
LATE = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
SCHEDULED = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 3,
    "updatedNumberScheduled": 3,
    "numberAvailable": 3,
}
REVISIONS = {"currentRevision": "web-1", "updateRevision": "web-1"}
ROLLING = {"type": "RollingUpdate"}


def progress(kind: str, spec: dict[str, Any], status: dict[str, Any] | None, generation: int = 2) -> str | None:
    document = {"kind": kind, "metadata": {"name": "web", "generation": generation}, "spec": spec}
    if status is not None:
        document["status"] = status
    return rollout_progress(Record("n/web", "u", "1", {}, msgspec.json.encode(document)))


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({}, None),
        ({"observedGeneration": 1}, UNSEEN),
        ({"observedGeneration": 1, **LATE}, UNSEEN),
        ({"observedGeneration": 3}, None),
        (LATE, "it has exceeded its progress deadline"),
        ({"updatedReplicas": 1}, "1 of 3 new replicas have been updated"),
        ({"updatedReplicas": None}, "0 of 3 new replicas have been updated"),
        ({"replicas": 5}, "2 old replicas are still there"),
        ({"availableReplicas": 2}, "2 of 3 updated replicas are available"),
        ({"replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}, None),
        ({"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]}, None),
    ],
)
def test_a_deployment(status: dict[str, Any], says: str | None) -> None:
    assert progress("Deployment", {"replicas": 3}, {k: v for k, v in (DONE | status).items() if v is not None}) == says


def test_a_deployment_without_replicas_or_status() -> None:
    assert progress("Deployment", {"replicas": 0}, {"observedGeneration": 2}) is None
    assert progress("Deployment", {}, {"observedGeneration": 2, "updatedReplicas": 1}) == (
        "0 of 1 updated replicas are available"
    )
    assert progress("Deployment", {"replicas": 3}, None) == UNSEEN


@pytest.mark.parametrize(
    ("rolling", "status", "says"),
    [
        (None, {}, None),
        (None, {"observedGeneration": 1}, UNSEEN),
        (None, {"readyReplicas": 1}, "1 of 3 pods are ready"),
        (None, {"updateRevision": "web-2", "updatedReplicas": 1}, "1 pods are at the new revision"),
        ({"partition": 0}, {"updatedReplicas": 2}, "2 of 3 pods are updated"),
        ({"partition": 0}, {"updatedReplicas": 3}, None),
        ({"partition": 2}, {"updatedReplicas": 0, "updateRevision": "web-2"}, "0 of 1 pods are updated"),
        ({"partition": 2}, {"updatedReplicas": 1, "updateRevision": "web-2"}, None),
        ({"partition": 2}, {"updatedReplicas": 1, "readyReplicas": 2}, "2 of 3 pods are ready"),
    ],
)
def test_a_stateful_set(rolling: dict[str, int] | None, status: dict[str, Any], says: str | None) -> None:
    spec = {"replicas": 3, "updateStrategy": ROLLING | ({"rollingUpdate": rolling} if rolling else {})}
    said = progress("StatefulSet", spec, DONE | REVISIONS | status)
    assert said == says or (said is not None and says is not None and said.startswith(says))


def test_a_stateful_set_that_no_controller_has_seen() -> None:
    """As it has no generation, nothing else tells."""
    assert progress("StatefulSet", {"updateStrategy": ROLLING}, {"observedGeneration": 0}, generation=0) == UNSEEN


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({}, None),
        ({"observedGeneration": 1}, UNSEEN),
        ({"updatedNumberScheduled": 1}, "1 of 3 pods are updated"),
        ({"numberAvailable": 2}, "2 of 3 updated pods are available"),
    ],
)
def test_a_daemon_set(status: dict[str, Any], says: str | None) -> None:
    assert progress("DaemonSet", {"updateStrategy": ROLLING}, SCHEDULED | status) == says


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("Pod", {}, "n/web is a Pod"),
        ("", {}, "n/web is a nameless kind"),
        ("PartialObjectMetadata", {}, "with all its fields; n/web is a PartialObjectMetadata"),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "n/web has OnDelete"),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "for the strategy RollingUpdate"),
        ("DaemonSet", {}, "n/web has none"),
    ],
)
def test_what_has_no_rollout_to_follow(kind: str, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        progress(kind, spec, SCHEDULED)


def test_a_recreating_deployment_is_followed_like_any_other() -> None:
    assert progress("Deployment", {"replicas": 3, "strategy": {"type": "Recreate"}}, DONE) is None
