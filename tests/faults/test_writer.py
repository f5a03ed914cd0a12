"""The log holds what the server did, however its answers were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tests.faults import writer as module
from tests.faults.administrator import Administrator, Object, Unanswered
from tests.faults.writer import CONFIGMAPS, Write, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

Answer = tuple[int, Object] | Unanswered


def stored(version: str, step: int) -> Object:
    return {"metadata": {"uid": "u1", "resourceVersion": version, "annotations": {"step": str(step)}}}


class Scripted:
    """A server that answers as it was told, and notes what it was asked."""

    namespace = "ns"

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def request(self, method: str, path: str, body: Object | None = None) -> tuple[int, Object]:
        self.asked.append(method)
        answer = self.answers.pop(0)
        if isinstance(answer, Unanswered):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0)


def scripted(*answers: Answer) -> tuple[Writer, Scripted]:
    server = Scripted(answers)
    return Writer(cast("Administrator", server), CONFIGMAPS), server


async def test_a_write_that_was_done_although_its_answer_was_lost_is_logged_once() -> None:
    writer, server = scripted(Unanswered(), (409, {}), (200, stored("7", step=1)))
    assert await writer.put("a") == "7"
    assert server.asked == ["POST", "POST", "GET"]
    assert writer.log == {"ns/a": [Write("u1", "7")]}


async def test_a_write_that_was_not_done_is_repeated() -> None:
    writer, server = scripted(Unanswered(), Unanswered(), (201, stored("7", step=1)))
    await writer.put("a")
    assert server.asked == ["POST"] * 3
    assert writer.count == 1


async def test_a_change_that_was_done_before_its_answer_was_lost_is_known_by_its_mark() -> None:
    writer, server = scripted((201, stored("7", step=1)), Unanswered(), (409, {}), (200, stored("8", step=2)))
    await writer.put("a")
    assert await writer.put("a") == "8"
    assert server.asked == ["POST", "PUT", "PUT", "GET"]


async def test_somebody_elses_write_is_not_taken_for_ours() -> None:
    writer, _ = scripted((409, {}), (200, stored("7", step=99)))
    with pytest.raises(AssertionError, match="somebody else"):
        await writer.put("a")


async def test_a_delete_is_done_when_nothing_is_there_any_more() -> None:
    writer, _ = scripted((201, stored("7", step=1)), Unanswered(), (404, {}))
    await writer.put("a")
    await writer.delete("a")
    assert writer.log["ns/a"] == [Write("u1", "7"), Write("u1", "")]


async def test_what_vanished_by_another_hand_is_logged_as_gone_and_made_anew() -> None:
    writer, _ = scripted((201, stored("7", step=1)), (404, {}), (201, stored("9", step=3)))
    await writer.put("a")
    await writer.put("a")
    assert writer.log["ns/a"] == [Write("u1", "7"), Write("u1", ""), Write("u1", "9")]
