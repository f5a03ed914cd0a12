from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import wire
from aioinformer.batches import Delta, Undecodable
from aioinformer.dense import DenseRecord
from aioinformer.errors import APIError, MalformedResponse, NetworkError
from aioinformer.objects import Record
from aioinformer.watches import WatchReader
from aioinformer.wire import Bookmark, WatchEvent, decode_event


def line(name: str, type_: str = "ADDED") -> bytes:
    return b'{"type":"%b","object":{"metadata":{"name":"%b"}}}\n' % (type_.encode(), name.encode())


BOOKMARK = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n'
ERROR = b'{"type":"ERROR","object":{"kind":"Status","code":410}}\n'


def names(events: list[Delta | Undecodable]) -> list[str]:
    return [event.record.name for event in events if isinstance(event, Delta)]


@pytest.fixture(params=[True, False], ids=["in C", "in Python"], autouse=True)
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(wire, "scan_lines", None)


def test_no_more_events_are_taken_than_asked_for_whatever_chunks_they_came_in() -> None:
    reader = WatchReader()
    stream = b"".join(line(str(number)) for number in range(10))
    for start in range(0, len(stream), 77):
        reader.feed(stream[start : start + 77])
    assert [names(reader.take(4).events) for _ in range(4)] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9"],
        [],
    ]
    assert not reader.has_more


def test_what_comes_between_ends_what_is_taken_and_nothing_behind_it_is_read() -> None:
    reader = WatchReader()
    reader.feed(line("a") + b"\n\r\n" + BOOKMARK + line("b") + ERROR + line("c") + b"nonsense\n" + BOOKMARK)
    events, stop = reader.take(64)
    assert names(events) == ["a"]
    assert stop == Bookmark("7", ends_snapshot=False)
    events, stop = reader.take(64)
    assert names(events) == ["b"]
    assert isinstance(stop, APIError)
    events, stop = reader.take(64)
    assert names(events) == ["c"]
    assert isinstance(stop, MalformedResponse)
    assert reader.take(64) == ([], Bookmark("7", ends_snapshot=False))
    assert not reader.has_more


def test_objects_may_be_had_in_their_dense_form_which_is_for_speed_only() -> None:
    reader, dense = WatchReader(), WatchReader()
    stream = line("a") + line("b", "DELETED") + line("c").replace(b":", b": ")
    reader.feed(stream)
    dense.feed(stream)
    plain, found = reader.take(64).events, dense.take(64, dense=True).events
    assert names(found) == names(plain) == ["a", "b", "c"]
    forms = [type(event.record) for event in found if isinstance(event, Delta)]
    assert forms == ([DenseRecord, DenseRecord, Record] if vars(wire)["scan_lines"] else [Record] * 3)
    assert all(type(event.record) is Record for event in plain if isinstance(event, Delta))


def test_what_is_large_is_taken_a_few_at_a_time() -> None:
    large = b'{"type":"ADDED","object":{"metadata":{"name":"a"},"x":"%b"}}\n' % (b"x" * wire.ENOUGH)
    reader = WatchReader()
    reader.feed(large * 3)
    assert [len(reader.take(64).events) for _ in range(4)] == [1, 1, 1, 0]


def test_what_was_taken_is_let_go() -> None:
    reader = WatchReader()
    reader.feed(line("a") + b'{"type"')
    assert reader.has_more
    reader.take(64)
    assert not reader.has_more
    assert reader._lines == []


def test_a_stream_that_ends_in_the_middle_of_a_line_was_cut() -> None:
    reader = WatchReader()
    reader.feed(line("a"))
    reader.close()
    reader.feed(b"{")
    with pytest.raises(NetworkError):
        reader.close()


PIECES = st.sampled_from(
    [line("a"), line("b", "DELETED"), line("c", "MODIFIED"), BOOKMARK, b"\n", b"\r\n", line("d").replace(b":", b": "),
     b'{"type":"ADDED","object":{"metadata":{"name":5}}}\n']
)  # fmt: skip


@given(st.lists(PIECES), st.integers(1, 200), st.integers(1, 9))
def test_the_same_events_come_out_in_order_whatever_the_chunks(pieces: list[bytes], size: int, count: int) -> None:
    stream = b"".join(pieces)
    expected = [decode_event(piece.strip()) for piece in pieces if piece.strip()]
    reader, found = WatchReader(), list[WatchEvent]()
    for start in range(0, len(stream), size):
        reader.feed(stream[start : start + size])
        while reader.has_more:
            events, stop = reader.take(count)
            assert len(events) <= count
            found += events
            if isinstance(stop, Bookmark):
                found.append(stop)
    assert [str(event) for event in found] == [str(event) for event in expected]
