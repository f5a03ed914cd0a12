"""What _speedups.c takes out of lines and lists many at a time is what Python takes out of them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import wire
from aioinformer.batches import Delta, Undecodable
from aioinformer.dense import DenseRecord, dense
from aioinformer.objects import Record
from benchmarks.pods import encoded, pod
from tests.kubernetes_like import HEAD, damaged, mostly, objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioinformer.speedups import Memory

compiled = pytest.importorskip("aioinformer._speedups", reason="not compiled")

PODS = [encoded(pod(number)) for number in range(3)]
BARE = [encoded({name: value for name, value in pod(number).items() if name != "kind"}) for number in range(3)]
TYPES = {"MODIFIED": False, "ADDED": False, "DELETED": True}
WHOLE = 1 << 20
Some: TypeAlias = tuple[list[Delta], int]


def line(raw: bytes, type_: str = "MODIFIED") -> bytes:
    return b'{"type":"%b","object":%b}' % (type_.encode(), raw)


def scan_lines(buffer: bytes, start: int = 0, end: int = -1, count: int = 64, *, keep: bool = False) -> Some:
    end = len(buffer) if end < 0 else end
    found: Some = compiled.scan_lines(buffer, start, end, count, b"{", keep, ({}, {}), Delta, Record, None)
    return found


def scan_items(buffer: bytes, start: int = 0, end: int = -1, count: int = 64, *, keep: bool = False) -> Some:
    end = len(buffer) if end < 0 else end
    found: Some = compiled.scan_items(buffer, start, end, count, HEAD, keep, ({}, {}), Delta, Record, None)
    return found


def said(buffer: bytes, *, keep: bool) -> list[Any]:
    """All that the lines say, read a few at a time."""
    everything: list[Any] = []
    at = 0
    while at < len(buffer):
        taken, at = wire.decode_lines((buffer, at, len(buffer)), 3, keep_managed_fields=keep)
        assert len(taken.events) <= 3
        everything += taken.events
        if taken.stop is not None:
            everything.append((type(taken.stop), str(taken.stop)))
    return [str(event) if isinstance(event, Undecodable) else event for event in everything]


def lines_like() -> st.SearchStrategy[bytes]:
    usual = st.builds(line, objects(), st.sampled_from([*TYPES]))
    odd = st.sampled_from(
        [
            b"", b"\r", b" ", b"}", b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}', b"null",
            b'{"type":"ERROR","object":{"kind":"Status","code":410}}', line(PODS[0])[:-1], line(PODS[0]) + b"\r",
        ]
    )  # fmt: skip
    return mostly(usual, odd | usual.flatmap(damaged))


@given(st.lists(lines_like(), max_size=6).map(b"\n".join), st.booleans())
def test_whatever_the_lines_are_they_say_what_they_say_without_it(buffer: bytes, keep: bool) -> None:  # noqa: FBT001  # drawn
    with patch.object(wire, "scan_lines", None), patch.object(wire, "scan", None):
        expected = said(buffer, keep=keep)
    assert said(buffer, keep=keep) == expected


@pytest.mark.parametrize("keep", [True, False])
def test_all_lines_are_taken_with_their_types(*, keep: bool) -> None:
    buffer = b"\n".join(map(line, PODS, TYPES))
    expected = [
        Delta(deleted, Record(*compiled.scan(raw, 0, len(raw), b"{", keep)))
        for raw, deleted in zip(PODS, TYPES.values(), strict=True)
    ]
    assert scan_lines(buffer, keep=keep) == (expected, len(buffer))


def test_it_takes_no_more_than_it_is_told_and_says_where_the_next_begins() -> None:
    one = line(PODS[0])
    buffer = b"\n".join([one] * 5)
    for count in (-1, 0, 1, 4, 5, 6, WHOLE):
        found, at = scan_lines(buffer, count=count)
        assert len(found) == min(max(count, 0), 5)
        assert at == min((len(one) + 1) * len(found), len(buffer))


def test_what_is_large_is_not_taken_all_at_once() -> None:
    large = line(b'{"metadata":{"name":"a"},"x":"%b"}' % (b"x" * 300_000))
    assert len(scan_lines(b"\n".join([large] * 3))[0]) == 1
    items = b",".join([b'{"metadata":{"name":"a"},"x":"%b"}' % (b"x" * 300_000)] * 3)
    assert len(scan_items(items)[0]) == 1


def test_lines_around_are_not_looked_at() -> None:
    one = line(PODS[0])
    buffer = b"\n".join([one] * 3)
    found, at = scan_lines(buffer, len(one) + 1, 2 * len(one) + 1)
    assert (len(found), at) == (1, 2 * len(one) + 1)


@pytest.mark.parametrize("empty", [b"\n", b"\r\n", b"\n\n\r\n\n"])
def test_empty_lines_are_skipped(empty: bytes) -> None:
    one = line(PODS[0])
    buffer = empty + one + b"\n" + empty + one + b"\n" + empty
    found, at = scan_lines(buffer)
    assert (len(found), at) == (2, len(buffer))
    assert scan_lines(empty) == ([], len(empty))


NAMED = b'"metadata":{"name":"a"}'


@pytest.mark.parametrize(
    "odd",
    [
        b"x",
        b" ",
        b"}",
        b'{"type":"ADDED","object":',
        b'{"type":"ADDED","object":}',
        b'{"type":"ADDED","object":{}}',
        b'{"type":"ADDED","object":{%b}' % NAMED,
        b'{"type":"ADDED","object":{%b}} ' % NAMED,
        b'{"type":"ADDED","object":{%b}}\r' % NAMED,
        b'{"type":"ADDED","object":{%b}}}' % NAMED,
        b'{"type":"ADDED","object":{%b\n}}' % NAMED,
        b'{"type":"ADDED","object":{"a":"\n",%b}}' % NAMED,
        b'{"type":"ADDED","object": {%b}}' % NAMED,
        b'{"type":"ADDED","object":{%b},"more":{}}' % NAMED,
        b'{"type":"BOOKMARK","object":{%b}}' % NAMED,
        b'{"type":"added","object":{%b}}' % NAMED,
        b'{"object":{%b},"type":"ADDED"}' % NAMED,
        b'{"type": "ADDED","object":{%b}}' % NAMED,
    ],
)
def test_it_stops_before_the_first_that_is_not_common(odd: bytes) -> None:
    one = line(PODS[0])
    for buffer in (odd, odd + b"\n", odd + b"\n" + one):
        assert scan_lines(buffer) == ([], 0)
        assert scan_lines(one + b"\n" + buffer)[1] == len(one) + 1


@pytest.mark.parametrize("keep", [True, False])
def test_all_items_but_the_last_are_taken_and_say_of_what_kind_they_are(*, keep: bool) -> None:
    buffer = b",".join(BARE)
    expected = [Delta(False, Record(*compiled.scan(raw, 0, len(raw), HEAD, keep))) for raw in BARE[:-1]]
    assert scan_items(buffer, keep=keep) == (expected, len(buffer) - len(BARE[-1]))
    assert all(delta.record.raw.startswith(HEAD) for delta in expected)


def test_no_item_is_taken_before_it_shows_that_another_one_follows() -> None:
    first, both = len(PODS[0]), b",".join(PODS[:2])
    for end in range(len(both)):
        assert scan_items(both, 0, end)[1] == (first + 1 if end > first + 1 else 0)
        assert scan_items(both[:end])[1] == (first + 1 if end > first + 1 else 0)


@pytest.mark.parametrize("between", [b"", b" ,", b", ", b",,", b"]", b"],", b"},", b",null,", b",1"])
def test_it_stops_where_something_else_stands_between_items(between: bytes) -> None:
    assert scan_items(PODS[0] + between + PODS[1]) == ([], 0)


def broken(raw: bytes) -> Iterator[bytes]:
    for at in range(0, len(raw), 7):
        for byte in b'"\\{}[],:\x00 0\xff':
            yield raw[:at] + bytes([byte]) + raw[at + 1 :]


def test_a_byte_that_is_another_anywhere_makes_no_difference() -> None:
    """An item is taken only if it is one by itself, and ends where its own braces say."""
    for raw in broken(BARE[0]):
        found, at = scan_items(raw + b"," + BARE[1])
        if found:
            alone = compiled.scan(raw[: at - 1], 0, at - 1, HEAD, False)
            assert found == [Delta(False, Record(*alone))]
            assert at == len(raw) + 1


def test_no_brace_is_looked_for_far_from_the_end() -> None:
    """Looking again and again through what has none would take the square of it."""
    assert scan_items(PODS[0] + b"," + PODS[1] + b'{"' + b"x" * 70_000) == ([], 0)
    assert scan_lines(line(PODS[0]) + b"\n" + b"x" * 70_000) == ([], 0)


@pytest.mark.parametrize("scan", [scan_lines, scan_items])
@pytest.mark.parametrize(("start", "end"), [(-1, 5), (0, 61), (5, 4), (60, 60), (2**62, 2**62)])
def test_outside_of_the_buffer_there_is_nothing(scan: Any, start: int, end: int) -> None:
    found, at = compiled.scan_lines(b"{" * 60, start, end, 5, b"{", False, ({}, {}), Delta, Record, None)
    assert (found, at) == ([], start)


@pytest.mark.parametrize("name", ["scan_lines", "scan_items"])
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (b"", 0, 0, 1, b"{", False, ({}, {}), Delta, Record),
        ("", 0, 0, 1, b"{", False, ({}, {}), Delta, Record, None),
        (b"", "0", 0, 1, b"{", False, ({}, {}), Delta, Record, None),
        (b"", 0, None, 1, b"{", False, ({}, {}), Delta, Record, None),
        (b"", 0, 0, "1", b"{", False, ({}, {}), Delta, Record, None),
        (b"", 0, 0, 1, "{", False, ({}, {}), Delta, Record, None),
        (b"", 0, 0, 1, b"{", False, None, Delta, Record, None),
        (line(PODS[0]) + b"," + PODS[0], 0, len(line(PODS[0])), 1, b"{", False, ({}, {}), Delta, 5, None),
    ],
)
def test_arguments_of_other_types_are_refused(name: str, arguments: tuple[Any, ...]) -> None:
    scan = getattr(compiled, name)
    if len(arguments) == 10 and arguments[-2] == 5 and name == "scan_items":
        arguments = (PODS[0] + b"," + PODS[1], 0, len(PODS[0]) + 9, *arguments[3:])
    with pytest.raises(TypeError):
        scan(*arguments)


def test_what_makes_the_events_may_fail_and_nothing_is_held() -> None:
    def refuse(*_: object) -> Record:
        raise ZeroDivisionError

    memory: Memory = ({}, {})
    buffer = bytearray(line(PODS[0]))
    with pytest.raises(ZeroDivisionError):
        compiled.scan_lines(buffer, 0, len(buffer), 1, b"{", False, memory, Delta, refuse, None)
    buffer.append(0)  # which it could not while anybody held it


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "raw",
    [
        *PODS,
        *BARE,
        b'{"metadata":{"name":"a"}}',
        b'{"metadata":{"name":"a","uid":"%b","resourceVersion":"x"},"y":"\xc3\xa9"}' % (b"u" * 1000),
        b'{"metadata":{"name":"a","namespace":"n","labels":{},"managedFields":[]}}',
    ],
)
def test_a_dense_record_is_made_of_the_bytes_as_it_is_of_a_record(raw: bytes, *, keep: bool) -> None:
    two: tuple[Any, ...] = (raw + b"," + raw, 0, 2 * len(raw) + 1, 2, HEAD, keep, ({}, {}), Delta, Record)
    [plain], _ = compiled.scan_items(*two, None)
    [found], at = compiled.scan_items(*two, DenseRecord)
    assert (found, at) == (Delta(False, dense(plain.record, plain.record.labels)), len(raw) + 1)
    one: tuple[Any, ...] = (line(raw), 0, len(line(raw)), 2, b"{", keep, ({}, {}), Delta, Record)
    [plain], _ = compiled.scan_lines(*one, None)
    [found], at = compiled.scan_lines(*one, DenseRecord)
    assert (found, at) == (Delta(False, dense(plain.record, plain.record.labels)), len(line(raw)))


def test_what_is_no_utf8_is_left_in_whatever_form_it_is_wanted() -> None:
    raw = b'{"metadata":{"name":"a","uid":"u"},"x":"%b"}'
    for form in (None, DenseRecord):
        for text, taken in ((b"\xc3\xa9", 1), (b"\xc3", 0)):
            two = b",".join([raw % text] * 2)
            assert len(compiled.scan_items(two, 0, len(two), 2, HEAD, False, ({}, {}), Delta, Record, form)[0]) == taken


def test_what_is_large_is_no_dense_record() -> None:
    """It may be too large to be packed; that is for others to say."""
    for size, form in ((200_000, DenseRecord), (300_000, Record)):
        raw = b'{"metadata":{"name":"a"},"x":"%b"}' % (b"x" * size)
        some = raw + b"," + raw
        [found], _ = compiled.scan_items(some, 0, len(some), 1, HEAD, False, ({}, {}), Delta, Record, DenseRecord)
        assert type(found.record) is form


def test_labels_are_remembered_from_one_call_to_the_next() -> None:
    memory: Memory = ({}, {})
    buffer = line(PODS[0])
    found = [
        compiled.scan_lines(buffer, 0, len(buffer), 1, b"{", False, memory, Delta, Record, None)[0][0].record.labels
        for _ in range(2)
    ]
    assert found[0] is found[1]
    assert [*memory[0].values()] == [found[0]]
