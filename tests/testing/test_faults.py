"""Whom faults concern, how long they last, and which count."""

from __future__ import annotations

import pytest

from aioinformer.testing.conditions import Slowed, Spoilt
from aioinformer.testing.faults import Fault, Faults, Target
from aioinformer.testing.requests import Request, parse_request
from aioinformer.testing.statuses import GroupResource

PODS = GroupResource("", "pods")
LIST = parse_request("GET", "/api/v1/namespaces/a/pods", {}, "dashboard/1.0")
WATCH = parse_request("GET", "/api/v1/pods", {"watch": "1"})
OTHER = parse_request("GET", "/apis/apps/v1/deployments", {})


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        (Target(), [True, True, True]),
        (Target(PODS), [True, True, False]),
        (Target(PODS, "watch"), [False, True, False]),
        (Target(verb="list"), [True, False, True]),
        (Target(PODS, namespace="a"), [True, False, False]),
        (Target(PODS, version="v2"), [False, False, False]),
        (Target(client="dashboard"), [True, False, False]),
        (Target(number=0), [True, True, True]),
        (Target(number=1), [False, False, False]),
    ],
)
def test_targets(target: Target, covered: list[bool]) -> None:
    assert [target.covers(request) for request in (LIST, WATCH, OTHER)] == covered


def test_a_resource_is_no_target_for_other_paths() -> None:
    assert not Target(PODS).covers(parse_request("GET", "/version", {}))


def in_force(faults: Faults, *made: Fault) -> list[Fault]:
    return [faults.begin(fault) for fault in made]


def test_a_fault_is_in_force_from_begin_to_heal() -> None:
    faults = Faults(lambda: None)
    slowed = Slowed(Target(), 1)
    assert not slowed.in_force
    assert faults.begin(slowed) is slowed
    assert slowed.in_force
    assert faults.concerning(LIST, Slowed) is slowed
    slowed.heal()
    assert not slowed.in_force
    assert faults.concerning(LIST, Slowed) is None


def test_a_block_heals_what_it_was_opened_with_even_if_it_fails() -> None:
    faults = Faults(lambda: None)
    slowed = faults.begin(Slowed(Target(), 1))
    with pytest.raises(KeyError), slowed as opened:
        raise KeyError(opened.in_force)
    assert opened is slowed
    assert not slowed.in_force


def test_each_change_is_told_once_however_often_a_fault_is_healed() -> None:
    told: list[int] = []
    faults = Faults(lambda: told.append(len(faults.of(Fault))))
    slowed = faults.begin(Slowed(Target(), 1))
    slowed.heal()
    slowed.heal()
    assert told == [1, 0]


def test_the_latest_fault_of_a_kind_that_concerns_a_request_counts() -> None:
    faults = Faults(lambda: None)
    first, _, elsewhere = in_force(
        faults, Slowed(Target(), 1), Spoilt(Target(), "a"), Slowed(Target(GroupResource("apps", "deployments")), 2)
    )
    assert faults.concerning(LIST, Slowed) is first
    assert faults.concerning(OTHER, Slowed) is elsewhere
    assert faults.of(Slowed) == [first, elsewhere]


def test_healing_a_part_heals_what_was_made_for_just_that() -> None:
    faults = Faults(lambda: None)
    everything, pods = in_force(faults, Slowed(Target(), 1), Slowed(Target(PODS), 1))
    narrower = faults.begin(Slowed(Target(PODS, "list"), 1), Target(PODS))
    faults.heal(Target(PODS))
    assert [each.in_force for each in (everything, pods, narrower)] == [True, False, False]
    faults.heal()
    assert not everything.in_force


def test_the_latest_fault_is_healed_first() -> None:
    """So that what it was put on top of is whole again before it goes itself."""
    healed: list[str] = []

    class Noted(Spoilt):
        def heal(self) -> None:
            healed.append(self.key)
            super().heal()

    faults = Faults(lambda: None)
    in_force(faults, Noted(Target(), "first"), Noted(Target(), "second"))
    faults.heal()
    assert healed == ["second", "first"]


def test_a_fault_that_covers_more_than_its_target_is_asked_itself() -> None:
    class Contrary(Slowed):
        def covers(self, request: Request) -> bool:
            return not super().covers(request)

    faults = Faults(lambda: None)
    in_force(faults, Contrary(Target(PODS), 1))
    assert faults.concerning(LIST, Slowed) is None
    assert faults.concerning(OTHER, Slowed) is not None
