from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import chunked, speedups
from aioinformer.chunked import LONGEST_LINE, LONGEST_TRAILER, Dechunker, is_chunked_json

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=[True, False], ids=["in C", "in Python"], autouse=True, scope="module")
def _either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if not request.param:
            monkeypatch.setattr(chunked, "join_chunks", None)
        yield


def taken(dechunker: Dechunker, *pieces: bytes) -> bytes:
    """The body in these pieces, each in memory that is used again for the next."""
    memory, body = memoryview(bytearray(max(map(len, pieces), default=0))), b""
    for piece in pieces:
        if dechunker.broken:
            break
        memory[: len(piece)] = piece
        body += dechunker.feed(memory[: len(piece)])
        memory[:] = bytes(len(memory))
    return body


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(at)]


SIZES = st.sampled_from(["%x", "%X", "%08x", "%x;ext", "%x ;name=value", '%x;a="b c"', "%x \t"])
BODIES = st.lists(st.tuples(st.binary(min_size=1, max_size=40), SIZES), max_size=6)
ENDS = st.sampled_from([b"0\r\n\r\n", b"000\r\n\r\n", b"0;ext\r\n\r\n", b"0\r\nX-Sum: 1\r\nY: \r\n\r\n"])


class TestBodies:
    @given(BODIES, ENDS, st.lists(st.integers(min_value=0), max_size=8))
    def test_it_is_the_same_however_the_stream_is_cut(
        self, chunks: list[tuple[bytes, str]], end: bytes, places: list[int]
    ) -> None:
        stream = b"".join((size % len(data)).encode() + b"\r\n" + data + b"\r\n" for data, size in chunks) + end
        dechunker = Dechunker()
        assert taken(dechunker, *cut(stream, places)) == b"".join(data for data, _ in chunks)
        assert dechunker.ended

    def test_byte_by_byte_too(self) -> None:
        stream = b"3;x=1\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: is not read\r\n\r\n"
        dechunker = Dechunker()
        pieces = cut(stream, list(range(len(stream))))
        assert taken(dechunker, *pieces[:-1]) == b"abc0123456789"
        assert not dechunker.ended
        assert taken(dechunker, pieces[-1]) == b""
        assert dechunker.ended

    def test_what_has_come_of_a_chunk_need_not_wait_for_the_rest(self) -> None:
        assert taken(Dechunker(), b"ffffffff\r\n{") == b"{"

    def test_nothing_is_kept_of_it(self) -> None:
        memory = bytearray(b"5\r\nabcde\r\n")
        dechunker = Dechunker()
        dechunker.feed(memoryview(memory))
        memory.clear()  # refused while somebody looks at it


join_chunks = pytest.mark.skipif(speedups.join_chunks is None, reason="not compiled")


@join_chunks
class TestInC:
    @given(st.binary(max_size=60) | st.lists(st.sampled_from([b"\r\n", b"1", b"a", b"0", b";", b"\n"])).map(b"".join),
           st.integers(0, 70), st.integers(0, 70))  # fmt: skip
    def test_it_takes_what_python_takes_or_stops_before(self, data: bytes, start: int, left: int) -> None:
        assert speedups.join_chunks is not None
        start = min(start, len(data))
        body, at, rest = speedups.join_chunks(memoryview(data), start, left)
        expected, until, more = chunked._join_chunks(memoryview(data), start, left)
        assert expected.startswith(body)
        assert at <= until
        if at == len(data):
            assert (body, at, rest) == (expected, until, more)
        else:
            assert rest == 0

    @pytest.mark.parametrize("size", [b"fffffff", b"0000001", b"FFFFFFF"])
    def test_as_many_digits_as_anybody_writes(self, size: bytes) -> None:
        assert speedups.join_chunks is not None
        data = memoryview(b"a\r\n" + size + b"\r\nb")
        assert speedups.join_chunks(data, 0, 1) == (b"ab", len(data), int(size, 16) - 1)

    @pytest.mark.parametrize(
        "between", [b"\r\n00000001\r\n", b"\r\n1;a\r\n", b"\r\n0\r\n\r\n", b"\r\n1\r", b"\r\n", b"1\r\n", b"\r\n\r\n"]
    )
    def test_it_stops_before_what_takes_a_closer_look(self, between: bytes) -> None:
        assert speedups.join_chunks is not None
        assert speedups.join_chunks(memoryview(b"xa" + between), 1, 1) == (b"a", 2, 0)

    @pytest.mark.parametrize(("start", "left"), [(-1, 1), (6, 1), (0, -1)])
    def test_places_outside_of_the_buffer_are_refused(self, start: int, left: int) -> None:
        assert speedups.join_chunks is not None
        with pytest.raises(ValueError, match="no place"):
            speedups.join_chunks(memoryview(b"abcde"), start, left)

    @pytest.mark.parametrize("arguments", [(), (b"", 0), ("", 0, 0), (b"", "0", 0), (b"", 0, None)])
    def test_arguments_of_other_types_are_refused(self, arguments: tuple[Any, ...]) -> None:
        join: Any = speedups.join_chunks
        with pytest.raises(TypeError):
            join(*arguments)


class TestNonsense:
    @pytest.mark.parametrize(
        "stream",
        [
            b"\r\n",
            b"g\r\n",
            b"zz\r\n",
            b"-1\r\n",
            b"+1\r\nx\r\n",
            b"0x1\r\nx\r\n",
            b"1_0\r\n",
            b" 1\r\nx\r\n",
            b"1\nx\n",
            b"1\rx",
            b"1 1\r\nx",
            b"1;a\nb\r\nx",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n0\r\n",
            b"3\r\nabc3\r\nabc\r\n",
            b"3\r\nabc\r\n\r\n",
            b"3\r\nabc\r\nzz\r\n",
            b"3\r\nabc\r\n0\r\n\r\n0",
            b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"fffffffffff\r\n",
            b"1" * 40,
            b"0" * 40,
            b"1;" + b"x" * LONGEST_LINE,
            b"1" + b" " * LONGEST_LINE,
            b"0\r\n" + b"X: y\r\n" * (LONGEST_TRAILER // 6),
            b"HTTP/1.1 200 OK\r\n\r\n",
        ],
        ids=lambda stream: repr(stream[:24])[2:-1],
    )
    @pytest.mark.parametrize("size", [1, 7, 100_000])
    def test_is_told_as_soon_as_it_shows_and_not_quoted(self, stream: bytes, size: int) -> None:
        dechunker = Dechunker()
        taken(dechunker, *cut(stream, list(range(0, len(stream), size))))
        assert dechunker.broken
        assert not dechunker.ended
        assert not any(word.encode() in stream for word in dechunker.broken.split() if len(word) > 3)

    @given(st.binary(max_size=60) | st.lists(st.sampled_from([b"\r\n", b"1", b"a", b"0", b";", b"\n"])).map(b"".join))
    def test_is_the_same_nonsense_however_it_is_cut(self, stream: bytes) -> None:
        def outcome(pieces: list[bytes]) -> tuple[bytes, bool, str]:
            dechunker = Dechunker()
            return taken(dechunker, *pieces), dechunker.ended, dechunker.broken

        assert outcome([stream]) == outcome(cut(stream, list(range(len(stream)))))


class TestHeads:
    @pytest.mark.parametrize(
        "head",
        [
            HEAD,
            HEAD.replace(b" OK", b""),
            HEAD.replace(b" OK", b" "),
            HEAD.lower().replace(b"http", b"HTTP"),
            HEAD.replace(b"chunked", b"\t CHUNKED "),
            HEAD.replace(b"json", b"json; charset=utf-8"),
            HEAD.replace(b"json", b"json;stream=watch").replace(b"\r\n\r\n", b"\r\nAudit-Id: 1\r\nDate: now\r\n\r\n"),
        ],
    )
    def test_json_in_chunks_is_for_us(self, head: bytes) -> None:
        assert is_chunked_json(head)

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            HEAD[:-2],
            HEAD + b"{",
            b"\r\n" + HEAD,
            HEAD.replace(b"1.1", b"1.0"),
            HEAD.replace(b"200", b"201"),
            HEAD.replace(b"200", b"204"),
            HEAD.replace(b"200", b"404"),
            HEAD.replace(b"200", b"2000"),
            HEAD.replace(b"application/json", b"text/html; as=json"),
            HEAD.replace(b"Content-Type", b"X-Type"),
            HEAD.replace(b"chunked", b"gzip, chunked"),
            HEAD.replace(b"chunked", b"chunked, identity"),
            HEAD.replace(b"chunked", b"xchunked"),
            HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
            *(
                HEAD.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
                for line in (
                    b"Content-Length: 5",
                    b"Content-Encoding: gzip",
                    b"Transfer-Encoding: chunked",
                    b"Content-Type: text/html",
                    b"Upgrade: websocket",
                    b" folded",
                    b"no colon",
                    b"Spaced : x",
                    b"X: a\nContent-Length: 5",
                    b"X: a\rContent-Length: 5",
                    b"X: \x00",
                )
            ),
            HEAD.replace(b"\r\n", b"\n"),
        ],
    )
    def test_anything_else_is_for_aiohttp(self, head: bytes) -> None:
        assert not is_chunked_json(head)
