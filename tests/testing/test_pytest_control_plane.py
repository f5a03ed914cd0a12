"""The control plane of a session, with a fake in the place of the real one."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.testing import pytest_control_plane
from aioinformer.testing.control_plane import Binaries, ControlPlaneError, ControlPlaneUnavailable
from aioinformer.testing.pytest_control_plane import BorrowedCluster, running

if TYPE_CHECKING:
    from collections.abc import Callable

EXECUTABLE = Path("/nonexistent")
ENVTEST = Binaries(EXECUTABLE, EXECUTABLE, EXECUTABLE)
WHOLE = Binaries(EXECUTABLE, EXECUTABLE, EXECUTABLE, EXECUTABLE)


class FakePlane:
    """Notes what is done to it, and in which threads."""

    made: list[FakePlane]
    failure: BaseException | None

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.steps: list[str] = []
        self.threads: set[threading.Thread] = set()
        FakePlane.made.append(self)

    async def start(self) -> None:
        self._note("start")
        if FakePlane.failure is not None:
            raise FakePlane.failure

    async def aclose(self) -> None:
        self._note("close")

    def _note(self, step: str) -> None:
        self.steps.append(step)
        self.threads.add(threading.current_thread())


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePlane]:
    monkeypatch.delenv("AIOINFORMER_KUBECONFIG", raising=False)
    monkeypatch.delenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", raising=False)
    monkeypatch.setattr(pytest_control_plane, "ControlPlane", FakePlane)
    FakePlane.made, FakePlane.failure = [], None
    return FakePlane


@pytest.mark.parametrize(
    ("settings", "controllers"),
    [
        ({"binaries": WHOLE}, True),
        ({"binaries": ENVTEST}, False),
        ({"binaries": WHOLE, "controllers": False, "all_apis": True}, False),
    ],
    ids=["there are", "an envtest bundle", "told not to"],
)
def test_runs_controllers_where_there_are_any(settings: dict[str, Any], controllers: bool) -> None:  # noqa: FBT001  # a case
    """Unless it is told not to."""
    with running(settings):
        assert FakePlane.made[-1].options == {**settings, "controllers": controllers}


def test_lives_in_the_context_in_no_thread_of_ours() -> None:
    """Its loop is not that of any test."""
    with running({"binaries": ENVTEST}):
        (plane,) = FakePlane.made
        assert plane.steps == ["start"]
    assert plane.steps == ["start", "close"]
    assert threading.current_thread() not in plane.threads


async def test_starts_and_ends_while_a_loop_is_running() -> None:
    """Which stays the running one."""
    loop = asyncio.get_running_loop()
    with running({"binaries": ENVTEST}):
        assert asyncio.get_running_loop() is loop
    assert FakePlane.made[0].steps == ["start", "close"]


@pytest.mark.parametrize("failure", [ControlPlaneError("etcd died"), KeyboardInterrupt()])
def test_a_start_that_fails_is_an_error_and_leaves_nothing(failure: BaseException) -> None:
    """Neither is it a reason to skip."""
    FakePlane.failure = failure
    with pytest.raises(type(failure)):
        running({"binaries": ENVTEST}).__enter__()
    assert FakePlane.made[0].steps == ["start", "close"]


def test_closes_when_a_test_fails() -> None:
    with pytest.raises(ZeroDivisionError), running({"binaries": ENVTEST}):
        raise ZeroDivisionError
    assert FakePlane.made[0].steps == ["start", "close"]


@pytest.mark.parametrize(("settings", "lacking"), [({}, "etcd"), ({"controllers": True}, "kube-controller-manager")])
def test_skips_without_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, Any], lacking: str
) -> None:
    """Or raises, where a control plane is required."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in ("etcd", "kube-apiserver", "kubectl") if settings else ():
        (tmp_path / name).touch()
    with pytest.raises(pytest.skip.Exception, match=lacking):
        running(settings).__enter__()
    monkeypatch.setenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", "1")
    with pytest.raises(ControlPlaneUnavailable, match=lacking):
        running(settings).__enter__()
    assert FakePlane.made == []


def test_a_cluster_that_is_named_comes_before_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    monkeypatch.setenv("AIOINFORMER_KUBECONFIG", str(kubeconfig))
    with running({"binaries": WHOLE}) as plane:
        assert plane.kubeconfig == kubeconfig
        assert plane.pids == {}
        assert repr(plane) == f"<BorrowedCluster {kubeconfig}>"
    assert kubeconfig.exists()
    assert FakePlane.made == []


def test_a_cluster_that_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped path must not pass for a missing control plane."""
    monkeypatch.setenv("AIOINFORMER_KUBECONFIG", str(EXECUTABLE))
    with pytest.raises(ControlPlaneError, match="AIOINFORMER_KUBECONFIG names /nonexistent, which is no file"):
        running({}).__enter__()


@pytest.mark.parametrize(
    "use",
    [
        lambda plane: plane.url,
        lambda plane: plane.token,
        lambda plane: plane.binaries,
        lambda plane: plane.kubeconfig_for("token"),
        lambda plane: plane.paused(),
        lambda plane: asyncio.run(plane.kill_etcd()),
        lambda plane: asyncio.run(plane.restart_api_server()),
        lambda plane: asyncio.run(plane.compact()),
        lambda plane: asyncio.run(plane.rotate_token()),
        lambda plane: asyncio.run(plane.rotate_serving_certificate()),
    ],
    ids=[
        "url",
        "token",
        "binaries",
        "kubeconfig_for",
        "paused",
        "kill",
        "restart",
        "compact",
        "rotate_token",
        "certificate",
    ],
)
def test_what_needs_more_than_a_borrowed_clusters_kubeconfig_skips(use: Callable[[BorrowedCluster], object]) -> None:
    with pytest.raises(pytest.skip.Exception, match="is not ours to stop, restart or change"):
        use(BorrowedCluster(EXECUTABLE))
