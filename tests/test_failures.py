"""failures.py: what ``on_error`` is told of, and that nothing it does harms the informer."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    Decision,
    Failure,
    Forbidden,
    InformerConflict,
    InformerError,
    InvalidOption,
    NetworkError,
    NotFound,
    ObjectRejected,
    ServerError,
    SharedInformerFactory,
)
from aioinformer.failures import WARN_EVERY, decision_of
from aioinformer.listwatch import Step
from aioinformer.transitions import TABLE, After
from tests import corruption
from tests.docs.pages import DOCS
from tests.pod_server import PODS, Mirroring, PodServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.looptime


def named_bad(document: dict[str, Any]) -> dict[str, Any]:
    if document["metadata"]["name"].startswith("bad"):
        raise ValueError("the secret that was in it")
    return document


def decisions(told: list[Failure]) -> list[str]:
    return [failure.decision.value for failure in told]


def test_every_row_of_the_table_that_ends_a_request_has_a_decision() -> None:
    """And none that only a person can end is called anything but parked."""
    ends = {After.RESUME, After.SNAPSHOT, After.FALL_BACK}
    for rules in TABLE.values():
        for what, rule in rules.items():
            if rule.after in ends:
                parked = decision_of(Step(what, rule.after, 0.0, rule.final)) is Decision.PARK
                assert parked == rule.final


async def test_a_watch_that_breaks_is_told_with_the_pause_and_how_often_in_a_row() -> None:
    """What the status says at that moment is what the hook is told."""
    server, told, seen = PodServer("a"), list[Failure](), list[Any]()

    def note(failure: Failure) -> None:
        told.append(failure)
        seen.append((informer.status.last_error, informer.status.attempts, informer.status.next_retry))

    async with Mirroring(server, on_error=note, namespace="d") as informer:
        server.refusal = ServerError(503, "ServiceUnavailable", "down")
        server.cut()
        await asyncio.sleep(5)
        assert len(told) > 2
        assert decisions(told) == ["resume"] * len(told)
        assert [failure.failures for failure in told] == list(range(1, len(told) + 1))
        assert isinstance(told[0].error, NetworkError)
        assert isinstance(told[1].error, ServerError)
        assert seen == [(each.error, each.failures, pytest.approx(each.pause)) for each in told]
        assert {(each.informer, each.resource, each.namespace) for each in told} == {("pods.v1 in d", PODS, "d")}
        assert informer.status.failures == {"resume": len(told)}


async def test_a_routine_end_is_no_failure() -> None:
    """Watches end every few minutes; nobody is told."""
    server, told = PodServer("a"), list[Failure]()
    async with Mirroring(server, on_error=told.append) as informer:
        await asyncio.sleep(5)
        server.end()
        await asyncio.sleep(5)
        assert (told, informer.status.reconnects) == ([], 1)


@pytest.mark.parametrize(
    ("happening", "decision"),
    [
        (lambda server: server.expire(), "relist"),
        (lambda server: setattr(server, "refusal", Forbidden(403, "Forbidden", "no")), "park"),
        (lambda server: setattr(server, "refusal", NotFound(404, "NotFound", "gone")), "park"),
    ],
)
async def test_what_is_decided_is_in_the_hook_and_in_the_log(
    happening: Callable[[PodServer], None], decision: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Lost history is a new snapshot; what only somebody else can mend is parked."""
    caplog.set_level(logging.DEBUG)
    server, told = PodServer("a"), list[Failure]()
    async with Mirroring(server, on_error=told.append):
        happening(server)
        server.end()
        await asyncio.sleep(3)
        assert decision in decisions(told)
        last = told[decisions(told).index(decision)]
        assert f"{last.error}; next: {decision} in {last.pause:.1f} s (failure {last.failures})" in caplog.text


async def test_a_server_that_cannot_stream_is_told_once() -> None:
    """The list comes in pages, and that is the decision."""
    server, told = PodServer("a"), list[Failure]()
    server.streams_lists = False
    async with Mirroring(server, on_error=told.append):
        assert decisions(told) == ["fall_back"]


async def test_an_object_that_is_set_aside_is_told_once_per_version(caplog: pytest.LogCaptureFixture) -> None:
    """With its key and version; a relist that finds it again tells nothing. The log has neither its body nor the message."""
    server, told = PodServer("a", "bad"), list[Failure]()
    async with Mirroring(server, on_error=told.append, transform=named_bad) as informer:
        (failure,) = told
        assert (failure.decision, failure.key, failure.namespace) == (Decision.SET_ASIDE, "d/bad", "d")
        assert failure.resource_version == server.pods["bad"]["metadata"]["resourceVersion"]
        assert failure.error is informer.quarantine["d/bad"].error
        server.expire()
        await asyncio.sleep(30)
        assert decisions(told) == ["set_aside", "relist"]
        server.put("bad")
        await asyncio.sleep(1)
        assert decisions(told) == ["set_aside", "relist", "set_aside"]
        assert "d/bad of version" in caplog.text
        assert "the secret" not in caplog.text + repr(told) + " ".join(map(str, told))


async def test_many_that_are_set_aside_are_one_warning_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """All are told; the log does not drown."""
    server, told = PodServer(*(f"bad{n}" for n in range(50))), list[Failure]()
    async with Mirroring(server, on_error=told.append, transform=named_bad):
        assert len(told) == 50
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        server.put("bad0")
        await asyncio.sleep(WARN_EVERY + 1)
        assert len(caplog.records) == 1
        server.put("bad0")
        await asyncio.sleep(1)
        assert len(caplog.records) == 2


async def test_a_strict_informer_tells_of_its_stop() -> None:
    """With the object that stopped it; what the hook sees then is a stopped informer."""
    server, told, stopped = PodServer("a"), list[Failure](), list[bool]()

    def note(failure: Failure) -> None:
        told.append(failure)
        stopped.append(informer.is_stopped)

    async with Mirroring(server, on_error=note, transform=named_bad, strict=True) as informer:
        server.put("bad")
        await asyncio.sleep(1)
        (failure,) = told
        assert isinstance(failure.error, ObjectRejected)
        assert (failure.decision, failure.key, stopped) == (Decision.STOP, "d/bad", [True])
        assert informer.failure is failure.error


@pytest.mark.parametrize(("repair", "decision"), [(True, Decision.REPAIR), (False, Decision.REPORT)])
async def test_what_an_audit_finds_is_told(repair: bool, decision: Decision) -> None:  # noqa: FBT001
    """Put right or not."""
    server, told = PodServer("a"), list[Failure]()
    async with Mirroring(server, on_error=told.append) as informer:
        corruption.forget(informer._store, "d/a")
        await informer.audit(repair=repair)
        (failure,) = told
        assert (failure.decision, "1 missing (d/a)" in str(failure)) == (decision, True)


async def test_a_periodic_audit_that_fails_is_told() -> None:
    """Nobody awaits that one."""
    server, told = PodServer("a"), list[Failure]()
    server.metadata.answers = [ServerError(500, "InternalError", "boom")]
    async with Mirroring(server, on_error=told.append, audit=100.0):
        await asyncio.sleep(130)
        assert decisions(told) == ["skip_audit"]


async def test_a_file_that_cannot_be_started_from_is_told_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    """The first start has none, and that is routine."""
    told = list[Failure]()
    (tmp_path / "broken").write_bytes(b"nonsense")
    for name in ("broken", "none yet"):
        async with Mirroring(PodServer("a"), on_error=told.append, restore_from=tmp_path / name):
            pass
    (failure,) = told
    assert (failure.decision, str(tmp_path / "broken") in str(failure.error)) == (Decision.START_COLD, True)


def _raises(_: Failure) -> None:
    raise RuntimeError("mine")


def _is_cancelled(_: Failure) -> None:
    raise asyncio.CancelledError


async def _slowly() -> None:
    pass


@pytest.mark.parametrize("hook", [_raises, _is_cancelled, lambda _: _slowly()])
async def test_a_hook_that_misbehaves_is_logged_and_the_informer_goes_on(
    hook: Callable[[Failure], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises, and when it gives a coroutine, which would never run."""
    server = PodServer("a", "bad")
    async with Mirroring(server, on_error=hook, transform=named_bad) as informer:
        server.cut()
        await asyncio.sleep(5)
        server.put("b")
        await asyncio.sleep(1)
        assert informer.get("b", "d") is not None
        assert informer.status.state == "live"
        assert caplog.text.count("on_error") >= 2


@pytest.mark.parametrize("hook", [_slowly, "print", 5])
def test_what_is_no_plain_function_is_refused(hook: Any) -> None:
    with pytest.raises(InvalidOption, match="on_error is a function of a Failure"):
        SharedInformerFactory().informer("pods", on_error=hook)


def test_it_is_a_default_of_the_factory_and_two_hooks_are_a_conflict() -> None:
    """One who asks for the informer without one shares it."""
    factory = SharedInformerFactory(on_error=print)
    pods = factory.informer("pods")
    assert factory.informer("pods", on_error=print) is pods
    with pytest.raises(InformerConflict, match="other on_error"):
        factory.informer("pods", on_error=repr)


def test_a_failure_is_frozen_and_its_line_says_all() -> None:
    failure = Failure("pods.v1", PODS, InformerError("boom"), Decision.RESUME, pause=1.25, failures=2)
    assert str(failure) == "pods.v1: boom; next: resume in 1.2 s (failure 2)"
    assert "boom" not in repr(failure)
    with pytest.raises(dataclasses.FrozenInstanceError):
        failure.pause = 0.0  # type: ignore[misc]


def test_the_page_says_what_each_decision_means() -> None:
    """docs/howto/staying-live.md, in a table."""
    page = (DOCS / "howto" / "staying-live.md").read_text()
    table = page.partition("| decision | means |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(Decision)
