"""The control plane of a pytest session: ours, or a cluster that somebody else runs."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from aioinformer.testing.control_plane import (
    Binaries,
    ControlPlane,
    ControlPlaneError,
    ControlPlaneUnavailable,
    control_plane_required,
    require_binaries,
)
from aioinformer.testing.control_plane_process import ControlPlaneProcess, ProcessGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from aioinformer.testing.control_plane_site import Site

__all__ = ["BorrowedCluster", "running"]


class BorrowedCluster(ControlPlane):
    """A cluster known by its kubeconfig alone. What needs its processes, data or keys skips the test."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__()
        self._kubeconfig_given = kubeconfig
        self._processes = _NoProcesses(0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._kubeconfig_given}>"

    @property
    def kubeconfig(self) -> Path:
        """The file that was named."""
        return self._kubeconfig_given

    @property
    def binaries(self) -> Binaries:
        """Skips the test."""
        _skip()

    async def start(self) -> None:
        """Check that there is a kubeconfig; `ControlPlaneError` if not."""
        if not self._kubeconfig_given.is_file():
            raise ControlPlaneError(f"AIOINFORMER_KUBECONFIG names {self._kubeconfig_given}, which is no file")

    async def aclose(self) -> None:
        """Leave the cluster as it is."""

    @property
    def _running_site(self) -> Site:
        _skip()


class _NoProcesses(ProcessGroup):
    def __getitem__(self, name: str) -> ControlPlaneProcess:
        _skip()


def _skip() -> NoReturn:
    pytest.skip("a cluster named by AIOINFORMER_KUBECONFIG is not ours to stop, restart or change")


@contextmanager
def running(settings: Mapping[str, Any]) -> Generator[ControlPlane]:
    """The control plane while the context lasts: of AIOINFORMER_KUBECONFIG, else a `ControlPlane` with these arguments.

    It runs its controllers, where there are any, unless told not to. Skips the test where there are no binaries, or raises
    `ControlPlaneUnavailable` if AIOINFORMER_REQUIRE_CONTROL_PLANE is 1.
    """
    plane = _find(settings)
    try:
        _run(plane.start)
        yield plane
    finally:
        _run(plane.aclose)


def _find(settings: Mapping[str, Any]) -> ControlPlane:
    if kubeconfig := os.environ.get("AIOINFORMER_KUBECONFIG"):
        return BorrowedCluster(Path(kubeconfig))
    try:
        binaries = settings.get("binaries") or require_binaries(controllers=settings.get("controllers", False))
    except ControlPlaneUnavailable as reason:
        if control_plane_required():
            raise
        pytest.skip(str(reason))
    controllers = binaries.kube_controller_manager is not None  # an envtest bundle has none
    options: dict[str, Any] = {"controllers": controllers, **settings, "binaries": binaries}
    return ControlPlane(**options)


def _run(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread of its own: here a loop may be running, or be set for tests to come."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, step()).result()
