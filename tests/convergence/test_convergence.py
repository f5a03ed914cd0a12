"""Random writes, random faults, many informers and subscribers: when it settles, everybody agrees with the server."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from aioinformer import Informer, SharedInformerFactory, Subscription
from aioinformer.testing import ApiServer
from tests.convergence.machine import Convergence

ASKED_FOR = os.environ.get("AIOINFORMER_EXAMPLES", "")
"""How many examples to run, with random seeds; left out, a few that are the same every time."""

CONVERGENCE = settings(
    max_examples=int(ASKED_FOR or 100),
    derandomize=not ASKED_FOR,
    print_blob=True,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
LIVING = (Informer, SharedInformerFactory, Subscription, ApiServer, ClientSession, asyncio.Task, asyncio.Transport)

SLICING = ("applier", "audit", "fanout", "reflector", "staging", "store")
"""Rooms that take turns between slices; slices are small here, as if there were thousands of objects, not a dozen."""


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Time-outs and jitter are drawn from the generator that Hypothesis seeds, so that an example does the same again."""
    dice = SimpleNamespace(Random=lambda: random.Random(random.random()), uniform=random.uniform)
    for room in ("feed", "mirror"):
        monkeypatch.setattr(f"aioinformer.{room}.random", dice)
    for room in SLICING:
        monkeypatch.setattr(f"aioinformer.{room}.SLICE", 2)
    monkeypatch.setattr("aioinformer.packing.WORTHWHILE", 3000)  # bytes: some examples have that much, others never
    caplog.set_level(logging.CRITICAL, logger="aioinformer")


def living() -> Counter[str]:
    """What there is in memory of whatever an example should have taken along."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if issubclass(type(each), LIVING))


def test_everything_converges() -> None:
    """The cache is the server's state byte by byte, what each subscriber was told adds up to it, and nothing is left over."""
    before, began = living(), time.monotonic()
    run_state_machine_as_test(Convergence, settings=CONVERGENCE)
    each = (time.monotonic() - began) / Convergence.examples
    faults = ", ".join(f"{name} {count}" for name, count in sorted(Convergence.faults.items()))
    print(f"\nconvergence: {Convergence.examples} examples, {1 / each:.0f} a second; {faults}")  # noqa: T201  # for make soak
    assert not living() - before
