from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import framing
from aioinformer.errors import MalformedResponse, NetworkError
from aioinformer.framing import ItemCutter, LineSplitter, cut_list


def fed(splitter: LineSplitter, *chunks: bytes) -> list[bytes]:
    regions = [lines for chunk in chunks for lines in splitter.feed(chunk)]
    return [line for buffer, start, end in regions for line in buffer[start:end].split(b"\n")]


def test_a_chunk_of_whole_lines_is_cut_at_its_newlines() -> None:
    assert fed(LineSplitter(), b"one\ntwo\nthree\n") == [b"one", b"two", b"three"]


def test_a_line_is_put_together_from_any_number_of_chunks() -> None:
    splitter = LineSplitter()
    assert [fed(splitter, part) for part in (b"o", b"", b"n", b"e", b"\ntw", b"o", b"\n")] == [
        [],
        [],
        [],
        [],
        [b"one"],
        [],
        [b"two"],
    ]


def test_lines_of_one_chunk_stay_together_and_only_an_unfinished_one_is_copied() -> None:
    splitter, chunk = LineSplitter(), b"e\ntwo\nthree\nfo"
    splitter.feed(b"on")
    (first, *_), (rest, start, end) = splitter.feed(chunk)
    assert first == b"one"
    assert rest is chunk
    assert rest[start:end] == b"two\nthree"


def test_empty_lines_are_left_to_whoever_reads_them() -> None:
    assert fed(LineSplitter(), b"\n\r\n\none\n\n\r\n") == [b"", b"\r", b"", b"one", b"", b"\r"]


def test_a_carriage_return_is_left_to_the_parser_as_white_space() -> None:
    assert fed(LineSplitter(), b"one\r\ntwo\r\n") == [b"one\r", b"two\r"]


def test_a_stream_that_ends_between_lines_ends_well() -> None:
    splitter = LineSplitter()
    splitter.close()
    splitter.feed(b"one\n")
    splitter.close()


@pytest.mark.parametrize("chunks", [[b"half"], [b"one\nhalf"], [b"one\n", b"ha", b"lf"]])
def test_a_stream_that_ends_in_the_middle_of_a_line_says_how_far_it_got(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    fed(splitter, *chunks)
    with pytest.raises(NetworkError, match="4 bytes into it"):
        splitter.close()


def test_a_line_may_be_as_long_as_the_limit_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_LINE", 10)
    splitter = LineSplitter()
    assert fed(splitter, *[b"12345", b"67890", b"\n1234567890\n", b"1234567890"]) == [b"1234567890", b"1234567890"]
    with pytest.raises(MalformedResponse, match="longer than 10 bytes"):
        splitter.feed(b"1")


def test_the_limit_is_beyond_any_object_a_cluster_stores() -> None:
    assert framing.MAX_LINE >= 64 * 1024 * 1024


def test_an_unfinished_line_costs_its_length_however_small_the_parts_it_comes_in() -> None:
    """A part has its own header of 33 bytes: a server that sends two bytes at a time would cost twenty times the limit."""
    splitter, parts = LineSplitter(), [b"%02d" % (n % 100) for n in range(100_000)]
    tracemalloc.start()
    for part in parts:
        splitter.feed(bytes(bytearray(part)))  # a part of its own, as from a socket
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 400_000
    assert fed(splitter, b"\n") == [b"".join(parts)]


def test_a_finished_line_is_let_go() -> None:
    splitter = LineSplitter()
    splitter.feed(b"x" * 1000)
    splitter.feed(b"\n")
    assert not splitter._unfinished


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_the_same_lines_come_out_whatever_the_chunks(garbage: bytes, cuts: list[int]) -> None:
    stream = garbage.replace(b"x", b"\n").replace(b"\x00", b"\r\n")
    at = [0, *sorted(cut for cut in cuts if cut <= len(stream)), len(stream)]
    splitter = LineSplitter()
    lines = fed(splitter, *[stream[start:end] for start, end in pairwise(at)])
    *whole, rest = stream.split(b"\n")
    assert lines == whole
    if rest:
        with pytest.raises(NetworkError):
            splitter.close()
    else:
        splitter.close()


JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\{}[]:,'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "a", '"items"']), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=4), JSON, st.sampled_from([None, 1]))
def test_a_list_is_cut_into_the_items_a_parser_would_find(
    items: list[object], more: object, indent: int | None
) -> None:
    document = {"kind": "List", "metadata": {"items": more}, "items": items, "more": more}
    envelope, cut = cut_list(json.dumps(document, indent=indent).encode())
    assert [json.loads(item) for item in cut] == items
    assert json.loads(envelope) == {**document, "items": []}


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"items":null}', b'{"a":{"items":[{}]}}', b'{"items":[{}', b'"items"[{}]']
)
def test_what_has_no_items_is_left_whole(body: bytes) -> None:
    assert cut_list(body) == (body, [])


def test_an_item_may_be_nested_deeper_than_any_parser_goes() -> None:
    deep = b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    assert cut_list(b'{"items":[' + deep + b",{}]}") == (b'{"items":[]}', [deep, b"{}"])


@pytest.mark.parametrize("rest", [b"", b'"', b'"]', b'"}]}'])
def test_cutting_takes_a_time_in_proportion_whatever_the_strings(rest: bytes) -> None:
    """A pattern that looks back would need the square: hours, for these two megabytes."""
    body = b'{"items":[{"a":' + b'"' + b'\\"' * 1_000_000 + rest
    assert len(cut_list(body)[1]) == (rest == b'"}]}')


def cut(cutter: ItemCutter, chunks: list[bytes]) -> list[bytes]:
    return [candidate for chunk in chunks for candidate in fed_to(cutter, chunk)]


def fed_to(cutter: ItemCutter, chunk: bytes) -> list[bytes]:
    cutter.feed(chunk)
    return cutter.cut()


class TestItemCutter:
    LIST = b'{"kind":"L","metadata":{},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}},{"metadata":{}}]}'

    @given(st.integers(1, 120))
    def test_items_are_cut_out_whatever_the_chunks_and_the_rest_is_a_list(self, size: int) -> None:
        cutter = ItemCutter()
        chunks = [self.LIST[start : start + size] for start in range(0, len(self.LIST), size)]
        assert cut(cutter, chunks) == [b'{"metadata":{"name":"a"}}', b'{"metadata":{"name":"b"}}']
        assert cutter.head == b'{"kind":"L","metadata":{},"items":['
        assert cutter.close() == cutter.head + b'{"metadata":{}}]}'
        assert cutter.length == len(self.LIST)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"items":[]}',
            b'{"items": [{"a":1},{"a":2}]}',
            b'{"items":[ {"a":1},{"a":2}]}',
            b'{"items":null}',
            b'{"rows":[{"a":1},{"a":2}]}',
            b"",
            b'{"items":[1,2],"a":{"b":1}}',
        ],
    )
    def test_what_is_written_otherwise_comes_out_whole(self, body: bytes) -> None:
        cutter = ItemCutter()
        assert fed_to(cutter, body) == []
        assert cutter.close() == body

    def test_what_was_no_item_is_tried_with_more_of_it_and_then_left(self) -> None:
        cutter = ItemCutter()
        first, second = fed_to(cutter, self.LIST)
        assert cutter.no_item(first, rest := [second]) == first + b"," + second
        assert rest == []
        assert cutter.no_item(first + b"," + second, []) == b""
        assert cutter.close() == self.LIST
        assert fed_to(cutter, b',{"metadata":{}') == [self.LIST[len(cutter.head) :]]

    def test_a_candidate_that_is_several_items_is_cut_again_and_from_then_on_nothing_is_left_out(self) -> None:
        """Items are about as long as each other; where they are not, that is found out by who parses them."""
        long, short = (
            [b'{"metadata":{"name":"%b"}}' % (b"x" * 100)] * 2,
            [b'{"metadata":{"name":"%d"}}' % n for n in range(9)],
        )
        cutter = ItemCutter()
        body = b'{"items":[' + b",".join([*long, *short, *long, *short])
        first, second, several, *rest = fed_to(cutter, body)
        assert [first, second] == long
        assert several.startswith(short[0] + b"," + short[1])
        again = cutter.cut_again([several, *rest])
        assert again == [*short, *long, *short[:-1]]
        assert cutter.cut_again(again) == []
        assert fed_to(cutter, b"," + b",".join([*short, b'{"metadata":'])) == [short[-1], *short]

    def test_after_many_refusals_in_a_row_it_cuts_no_more_and_one_acceptance_counts_anew(self) -> None:
        cutter = ItemCutter()
        fed_to(cutter, b'{"items":[{"a":1')
        for _ in range(framing._MOST_REFUSED):
            cutter.no_item(b'{"a":1}', [])
        cutter.accepted()
        cutter.no_item(b'{"a":1}', [])
        assert fed_to(cutter, b'},{"a":1') != []
        for _ in range(framing._MOST_REFUSED):
            cutter.no_item(b'{"a":1}', [])
        assert fed_to(cutter, b'},{"a":1},{"a":1') == []

    def test_what_was_cut_out_is_let_go(self) -> None:
        cutter = ItemCutter()
        fed_to(cutter, b'{"items":[{"a":1')
        for _ in range(1000):
            fed_to(cutter, b'},{"a":1')
        assert len(cutter.close()) < 100

    @given(st.integers(1, 120))
    def test_all_from_an_item_on_is_there_to_be_read_once_that_item_may_be_whole(self, size: int) -> None:
        cutter, seen = ItemCutter(), 0
        for start in range(0, len(self.LIST), size):
            cutter.feed(self.LIST[start : start + size])
            beginning = cutter.beginning()
            whole = self.LIST.find(b'},{"metadata":', len(b'{"kind":"L","metadata":{},"items":[{'), start + size) > 0
            assert (beginning is not None) is whole
            if beginning is not None:
                assert cutter.beginning() == beginning
                assert beginning == (bytearray(self.LIST[len(cutter.head) : start + size]), 0)
                seen += 1
        assert seen

    @given(st.integers(1, 120), st.data())
    def test_read_or_cut_or_put_back_in_any_order_nothing_is_lost_and_nothing_comes_twice(
        self, size: int, data: st.DataObject
    ) -> None:
        cutter, items = ItemCutter(), list[bytes]()
        for start in range(0, len(self.LIST), size):
            cutter.feed(self.LIST[start : start + size])
            for step in data.draw(st.lists(st.sampled_from(["read", "cut", "put back"]), max_size=3)):
                if step == "read" and (beginning := cutter.beginning()) is not None:
                    body, first = beginning
                    end = body.index(b"},{", first) + 1
                    items.append(bytes(body[first:end]))
                    cutter.skip(end + 1)
                elif step == "put back" and items:
                    cutter.put_back([items.pop()])
                else:
                    items += cutter.cut()
        rest = cutter.close().removeprefix(cutter.head)
        assert cutter.head + b",".join([*items, rest]) == self.LIST

    def test_what_was_read_at_the_beginning_is_let_go_and_the_rest_is_cut_as_ever(self) -> None:
        cutter = ItemCutter()
        cutter.feed(self.LIST)
        cutter.beginning()
        cutter.skip(len(b'{"metadata":{"name":"a"}},'))
        body, start = cutter.beginning() or (b"", 0)
        assert body[start:] == b'{"metadata":{"name":"b"}},{"metadata":{}}]}'
        assert cutter.cut() == [b'{"metadata":{"name":"b"}}']
        assert cutter.beginning() is None
        assert cutter.close() == cutter.head + b'{"metadata":{}}]}'

    @given(st.lists(st.sampled_from(["feed", "cut", "skip"])))
    def test_skipping_and_cutting_may_take_turns(self, steps: list[str]) -> None:
        cutter, found = ItemCutter(), list[bytes]()
        for number, step in enumerate(steps):
            if step == "feed":
                cutter.feed(b'{"items":[{"n":1' if not cutter.length else b'},{"n":%d' % number)
            elif step == "cut":
                found += cutter.cut()
            elif (beginning := cutter.beginning()) is not None:
                body, start = beginning
                end = body.index(b"},", start) + 1
                found.append(bytes(body[start:end]))
                cutter.skip(end + 1)
        rest = cutter.close().removeprefix(b'{"items":[')
        whole = b",".join([*found, rest])
        fed = [number for number, step in enumerate(steps) if step == "feed"]
        assert whole == b",".join(b'{"n":%d}' % (number if at else 1) for at, number in enumerate(fed))[:-1]

    def test_where_nothing_is_cut_nothing_begins(self) -> None:
        cutter = ItemCutter()
        cutter.feed(b'{"items": [{"a":1},{"a":2}]}')
        assert cutter.beginning() is None
        assert not cutter.has_begun
