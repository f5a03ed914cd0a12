"""benchmarks/pods.py: pods like real ones, the same every time."""

from __future__ import annotations

import zlib
from statistics import mean

from aioinformer import KubeObject
from benchmarks.pods import encoded, modified, pod, small_pod


def test_the_same_seed_and_number_give_the_same_bytes() -> None:
    assert encoded(pod(7, seed=1)) == encoded(pod(7, seed=1))
    assert encoded(small_pod(7, seed=1)) == encoded(small_pod(7, seed=1))


def test_another_seed_or_number_gives_another_pod() -> None:
    uids = {pod(number, seed=seed)["metadata"]["uid"] for number in range(20) for seed in range(2)}
    assert len(uids) == 40


def test_sizes_are_the_stated_ones() -> None:
    """7 kB and 1 kB, and over a quarter of the big one managedFields."""
    pods = [pod(number) for number in range(50)]
    assert 6_500 < mean(len(encoded(p)) for p in pods) < 7_500
    assert 0.25 < mean(len(encoded(p["metadata"]["managedFields"])) / len(encoded(p)) for p in pods) < 0.4
    assert 800 < mean(len(encoded(small_pod(number))) for number in range(50)) < 1_200


def test_entropy_is_realistic() -> None:
    """One pod deflates to a third or so, as real ones do, not to nothing."""
    one = encoded(pod(3))
    assert 0.25 < len(zlib.compress(one)) / len(one) < 0.45


def test_names_do_not_repeat() -> None:
    keys = {KubeObject.from_json(encoded(pod(number))).key for number in range(1000)}
    assert len(keys) == 1000


def test_a_modified_pod_is_the_same_object_at_another_version() -> None:
    before = pod(3)
    unmodified = encoded(before)
    after = modified(before, 99)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["resourceVersion"] == "99"
    assert after["status"] != before["status"]
    assert encoded(before) == unmodified
