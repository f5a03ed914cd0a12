"""Toxiproxy between client and server: TCP passes through it, TLS and all, and its toxics befall it on the way."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from aioinformer.testing.control_plane_process import ControlPlaneProcess, ProcessGroup
from aioinformer.testing.control_plane_site import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Self

    from aioinformer.testing import ControlPlane

START_TIMEOUT, STOP_TIMEOUT = 20.0, 3.0
"""Seconds; each takes some hundredths."""


class Toxiproxy:
    """A toxiproxy-server of its own, with one proxy in front of a plane's API server."""

    def __init__(self, executable: Path, plane: ControlPlane) -> None:
        (port,) = free_ports(1)
        self._directory = Path(tempfile.mkdtemp(prefix="toxiproxy-"))
        command = [str(executable), "-host", "127.0.0.1", "-port", str(port), "-seed", "1"]
        self._process = ControlPlaneProcess("toxiproxy-server", command, self._directory / "log")
        self._processes = ProcessGroup(START_TIMEOUT)
        self._api = f"http://127.0.0.1:{port}"
        self._upstream = plane.url.removeprefix("https://")
        self.url = ""
        """Where clients connect to instead."""

    async def __aenter__(self) -> Self:
        await self._processes.launch(self._process, self._probe)
        proxy = await self._call("POST", "/proxies", name="api", listen="127.0.0.1:0", upstream=self._upstream)
        self.url = f"https://{proxy['listen']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._processes.stop(STOP_TIMEOUT)
        shutil.rmtree(self._directory)

    @asynccontextmanager
    async def toxic(self, kind: str, **attributes: int) -> AsyncGenerator[None]:
        """Let a toxic befall what the server sends while the context lasts, on the connections there are and on new ones.

        Attributes are in milliseconds, bytes and KB/s, but for the slicer's ``delay`` in microseconds.
        """
        await self._call("POST", "/proxies/api/toxics", name=kind, type=kind, attributes=attributes)
        yield
        await self._call("DELETE", f"/proxies/api/toxics/{kind}")

    @asynccontextmanager
    async def down(self) -> AsyncGenerator[None]:
        """Close every connection and refuse new ones while the context lasts."""
        await self._call("POST", "/proxies/api", enabled=False)
        yield
        await self._call("POST", "/proxies/api", enabled=True)

    async def cut(self) -> None:
        """Close every connection; new ones are welcome."""
        async with self.down():
            pass

    async def _probe(self) -> None:
        await self._call("GET", "/version")

    async def _call(self, method: str, path: str, **body: object) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.request(method, self._api + path, json=body) as response,
        ):
            return {} if response.status == 204 else await response.json()
