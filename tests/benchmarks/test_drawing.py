"""benchmarks/drawing.py: blanks are filled in place, alike for alike marks, and as the server in Go fills them."""

from __future__ import annotations

import re
import sys
import urllib.request

import pytest

from aioinformer import KubeObject
from benchmarks.bare import STREAM, WATCH
from benchmarks.drawing import GROUPS, Blank, Plate, at_version
from benchmarks.pods import plate
from benchmarks.servers import Recording, compiled_server, replay


def filled(mark: str, number: int = 0, version: int = 0) -> str:
    return Plate(mark.encode()).fill(number, version=version).decode()


@pytest.mark.parametrize(
    ("mark", "pattern"),
    [
        (Blank.UID, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"),
        (Blank.SANDBOX, r"[0-9a-f]{64}"),
        (Blank.ADDRESS, r"10\.1\d\d\.1\d\d\.1\d\d"),
        (Blank.NODE, r"ip-10-1\d\d-1\d\d-1\d\d\.eu-west-1[abc]\.compute\.internal"),
        (Blank.STARTED, r"2025-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        (Blank.OWNER_HASH, r"[bcdf-hj-np-tv-xz2456789]{10}"),
        (Blank.APP_VERSION, r"\d\.\d\d\.\d"),
    ],
)
def test_values_have_the_form_of_what_they_stand_for(mark: str, pattern: str) -> None:
    assert all(re.fullmatch(pattern, filled(mark, number)) for number in range(100))


def test_a_mark_is_the_same_wherever_it_stands_in_a_pod() -> None:
    first, second = filled(f"{Blank.UID} {Blank.UID}").split()
    assert first == second


def test_pods_of_one_owner_share_what_is_the_owners() -> None:
    assert filled(Blank.OWNER_UID, 3) == filled(Blank.OWNER_UID, 3 + GROUPS)
    assert filled(Blank.OWNER_UID, 3) != filled(Blank.OWNER_UID, 4)
    assert filled(Blank.OWNER_UID, 3) != filled(Blank.OWNER_UID, 3 + 20 * GROUPS)


def test_a_million_suffixes_do_not_repeat() -> None:
    numbers = range(0, 1_000_000, 997)
    assert len({filled(Blank.SUFFIX, number) for number in numbers}) == len(numbers)


def test_a_version_and_its_time_are_put_in() -> None:
    assert filled(Blank.VERSION, version=1234567) == "1234567"
    assert filled(Blank.AT_VERSION, version=1234567) == at_version(1234567)


def test_every_pod_of_a_group_is_as_long_as_any_other() -> None:
    """The server in Go counts on it."""
    for group in range(GROUPS):
        assert len({len(plate("ADDED", group).fill(group + GROUPS * number)) for number in range(3)}) == 1


def test_every_owner_kind_is_there() -> None:
    kinds = {
        KubeObject.from_json(plate("item", group).fill(group)).metadata.owner_references[0].kind
        for group in range(GROUPS)
    }
    assert kinds == {"ReplicaSet", "StatefulSet", "DaemonSet", "Job"}


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")
@pytest.mark.skipif(compiled_server() is None, reason="make bench-peers builds the server in Go")
def test_both_servers_send_the_same_bytes() -> None:
    recording = Recording(pods=850, events=90, snapshots=3)
    with replay(recording) as one, replay(recording, program=compiled_server()) as other:
        for path, lines in (("/api/v1/pods?limit=500&continue=500", 1), (WATCH, 90), (STREAM, 851)):
            assert read(one + path, lines) == read(other + path, lines)


def read(url: str, lines: int) -> list[bytes]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # on 127.0.0.1
        return [answer.readline() for _ in range(lines)]
