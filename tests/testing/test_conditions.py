"""What the conditions know of themselves."""

from __future__ import annotations

import pytest

from aioinformer.testing.conditions import Refused, Stalled
from aioinformer.testing.faults import Target
from aioinformer.testing.requests import Request
from aioinformer.testing.statuses import GroupResource


@pytest.mark.parametrize(("latest", "covered"), [(2, [True, True, False]), (None, [True, True, True])])
def test_a_stall_concerns_requests_up_to_a_number_or_all(latest: int | None, covered: list[bool]) -> None:
    stalled = Stalled(Target(), latest)
    assert [stalled.covers(Request("GET", "/", "get", number=number)) for number in (1, 2, 3)] == covered


def test_a_stall_of_one_client_leaves_the_others() -> None:
    assert not Stalled(Target(client="me"), None).covers(Request("GET", "/", "get", user_agent="you"))


def test_the_port_is_shut_only_where_everything_is_meant() -> None:
    assert Refused(Target()).shuts_the_port
    assert not Refused(Target(GroupResource("", "pods"))).shuts_the_port
    assert not Refused(Target(client="me")).shuts_the_port
