"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and, on request, kube-controller-manager.

No nodes and no scheduler: Pods are created and stay Pending. Needs binaries (see `require_binaries`),
no container runtime and no privileges. Tested on Linux.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aioinformer.testing.control_plane_binaries import (
    Binaries,
    ControlPlaneError,
    ControlPlaneUnavailable,
    control_plane_required,
    find_binaries,
    require_binaries,
)
from aioinformer.testing.control_plane_process import ControlPlaneProcess, PortTakenError, ProcessGroup
from aioinformer.testing.control_plane_requests import compact, probe_api_server, probe_controllers, probe_etcd
from aioinformer.testing.control_plane_site import (
    Site,
    api_server_command,
    controller_manager_command,
    etcd_command,
    free_ports,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

__all__ = [
    "Binaries",
    "ControlPlane",
    "ControlPlaneError",
    "ControlPlaneUnavailable",
    "control_plane_required",
    "find_binaries",
    "require_binaries",
]

_STOP_SECONDS = 3.0
_PORT_ATTEMPTS = 3


class ControlPlane:
    """A control plane that lives as long as ``async with ControlPlane() as plane``.

    Args:
        binaries: what to run; by default what `require_binaries` finds.
        controllers: also run kube-controller-manager, so that Deployments get ReplicaSets and Pods,
            owned objects are garbage-collected, and deleted namespaces are emptied.
        all_apis: serve alpha and beta APIs, too (``--runtime-config=api/all=true``).
        api_server_flags: more kube-apiserver flags; they win over ours.
        start_timeout: seconds until a process that was started and is not ready counts as failed.

    Starting raises `ControlPlaneUnavailable` when there are no binaries, and `ControlPlaneError` when
    a process dies or is not ready in time; the message names it and ends with its log. A start that
    fails or is cancelled leaves no process and no file behind. One instance may be entered again
    after it was left; it then starts from nothing. It belongs to no event loop: any may call it.
    """

    def __init__(
        self,
        *,
        binaries: Binaries | None = None,
        controllers: bool = False,
        all_apis: bool = False,
        api_server_flags: Sequence[str] = (),
        start_timeout: float = 90.0,
    ) -> None:
        self._given_binaries = binaries
        self._controllers = controllers
        self._all_apis = all_apis
        self._api_server_flags = tuple(api_server_flags)
        self._site: Site | None = None
        self._binaries: Binaries | None = None
        self._kubeconfigs: dict[str, Path] = {}
        self._processes = ProcessGroup(start_timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._site.url if self._site else 'stopped'}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """The API server, as ``https://127.0.0.1:<port>``; the same port across restarts."""
        return self._running_site.url

    @property
    def ca_file(self) -> Path:
        """PEM file to verify the API server with; another content after `rotate_serving_certificate`."""
        return self._running_site.ca_file

    @property
    def token(self) -> str:
        """Bearer token of an administrator (group system:masters); another one after `rotate_token`."""
        return self._running_site.token

    @property
    def token_file(self) -> Path:
        """A file that holds `token`, whatever it is by now, for a kubeconfig with ``tokenFile``."""
        return self._running_site.bearer_file

    @property
    def powerless_token(self) -> str:
        """Bearer token of an authenticated user without any right: lists and watches answer 403."""
        return self._running_site.powerless_token

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig file with the administrator's token."""
        return self.kubeconfig_for(self.token)

    @property
    def binaries(self) -> Binaries:
        """The executables in use; `Binaries.kubectl` fits the server."""
        if self._binaries is None:
            raise ControlPlaneError("this control plane is not running")
        return self._binaries

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name: etcd, kube-apiserver, kube-controller-manager."""
        return self._processes.pids

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig file with ``token``, which need not be valid. Gone when the plane stops."""
        return self._kubeconfig(token=token)

    def token_file_kubeconfig(self) -> Path:
        """A kubeconfig file that names `token_file` instead of a token."""
        return self._kubeconfig(tokenFile=str(self.token_file))

    def exec_kubeconfig(self, command: str, *arguments: str) -> Path:
        """A kubeconfig file whose tokens come from an exec plugin: a command that prints an ``ExecCredential`` of v1."""
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": list(arguments)}
        return self._kubeconfig(exec={**plugin, "interactiveMode": "Never"})

    async def start(self) -> None:
        """What entering the context does, for fixtures that start and stop in different places."""
        if self._site is not None:
            raise ControlPlaneError("this control plane is running already")
        binaries = self._given_binaries or require_binaries(controllers=self._controllers)
        if self._controllers and binaries.kube_controller_manager is None:
            raise ControlPlaneUnavailable(f"{binaries.etcd.parent} has no kube-controller-manager")
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            try:
                await self._start_once(binaries)
            except BaseException as error:
                await self.aclose()
                if not (attempts_left and isinstance(error, PortTakenError)):
                    raise
            else:
                return

    async def aclose(self) -> None:
        """Stop every process and remove the data: SIGTERM, SIGKILL after 3 seconds in all. May be repeated.

        Cancelling cuts the wait short: the processes are killed and reaped all the same.
        """
        try:
            await self._processes.stop(_STOP_SECONDS)
        finally:
            if self._site is not None:
                shutil.rmtree(self._site.directory, ignore_errors=True)
            self._kubeconfigs.clear()
            self._site = None
            self._binaries = None

    async def kill_api_server(self) -> None:
        """SIGKILL kube-apiserver: open connections break, new ones are refused until `restart_api_server`."""
        self._processes["kube-apiserver"].kill()

    async def restart_api_server(self) -> None:
        """Kill kube-apiserver if it runs and start it on the same port and data; returns when it is ready.

        Cancelling leaves it starting or dead; calling again is safe.
        """
        await self._processes.restart("kube-apiserver")

    async def kill_etcd(self) -> None:
        """SIGKILL etcd: requests fail with 5xx or wait, watches stay open and silent until `restart_etcd`."""
        self._processes["etcd"].kill()

    async def restart_etcd(self) -> None:
        """Kill etcd if it runs and start it on the same port and data; returns when both it and kube-apiserver are ready.

        Cancelling leaves it starting or dead; calling again is safe.
        """
        await self._processes.restart("etcd")
        await self._processes.until_ready("kube-apiserver")

    def paused(self, name: str = "kube-apiserver") -> AbstractContextManager[None]:
        """Suspend a process (SIGSTOP) while the context lasts: a machine that hangs, or swaps.

        Its connections stay open, the kernel even accepts new ones, and nothing comes. Names are those of `pids`.
        """
        return self._processes[name].paused()

    async def rotate_token(self) -> str:
        """Give the administrator another token, and return it: the old one is answered 401 from now on.

        `token_file` has the new one before kube-apiserver, which is restarted, refuses the old one.
        """
        self._site = replace(self._running_site, token=secrets.token_hex())
        self._site.write_tokens()
        await self.restart_api_server()
        return self._site.token

    async def rotate_serving_certificate(self, certificate: Path | None = None, key: Path | None = None) -> None:
        """Restart kube-apiserver with this certificate, whose file ends with the authority that signed it.

        Without one it makes itself another, signed by an authority that no client knows yet. `ca_file` then holds what
        to trust from now on; clients go on trusting what they have read.
        """
        await self.kill_api_server()
        self._running_site.write_certificate(certificate, key)
        await self.restart_api_server()

    async def compact(self) -> int:
        """Compact etcd past every version handed out so far; returns the revision it was compacted to.

        Not enough for a 410 at once, because kube-apiserver 1.37 answers from its watch cache:

        - A watch from an old version goes on working. Its history is dropped only when the API
          server restarts, or from a full buffer (100 events and up) once events are 75 s old.
        - Continue tokens and ``resourceVersionMatch=Exact`` lists answer 410 within 15 s, when the
          cache next looks for compactions; the 410 carries an inconsistent continue token.
        - Resources without a watch cache (``--watch-cache-sizes=configmaps#0``) answer 410 at once,
          to new watches as a 200 with an ERROR event; watches that are open stay open.

        Raises `ControlPlaneError` when etcd does not answer.
        """
        return await compact(self._running_site)

    async def expire_resource_versions(self) -> int:
        """`compact`, then `restart_api_server`: the sure and quick way (about 2 s) to a 410.

        Open watches break off. A watch from any version handed out before gets an ERROR event with
        code 410 on a 200, a continue token or an exact list HTTP 410. A list or a streamed list
        (``sendInitialEvents``) that accepts newer state succeeds, as ever. Returns the revision
        that etcd was compacted to; raises `ControlPlaneError`.
        """
        revision = await self.compact()
        await self.restart_api_server()
        return revision

    @property
    def _running_site(self) -> Site:
        if self._site is None:
            raise ControlPlaneError("this control plane is not running")
        return self._site

    def _kubeconfig(self, **user: object) -> Path:
        known = repr(user)
        if known not in self._kubeconfigs:
            self._kubeconfigs[known] = self._running_site.write_kubeconfig(f"user-{len(self._kubeconfigs)}", user)
        return self._kubeconfigs[known]

    async def _start_once(self, binaries: Binaries) -> None:
        api_port, etcd_port = free_ports(2)
        site = Site(Path(tempfile.mkdtemp(prefix="aioinformer-")), api_port, etcd_port)
        self._binaries, self._site = binaries, site
        site.write_credentials()
        await self._launch("etcd", etcd_command(binaries, site), probe_etcd)
        api_server = api_server_command(binaries, site, all_apis=self._all_apis, flags=self._api_server_flags)
        await self._launch("kube-apiserver", api_server, probe_api_server)
        if self._controllers and binaries.kube_controller_manager is not None:
            # Controllers read a rotated token from its file by themselves.
            kubeconfig = self.token_file_kubeconfig()
            controllers = controller_manager_command(binaries.kube_controller_manager, kubeconfig)
            await self._launch("kube-controller-manager", controllers, probe_controllers)
        self._processes.check_running()

    async def _launch(self, name: str, command: Sequence[str], ready: Callable[[Site], Awaitable[None]]) -> None:
        process = ControlPlaneProcess(name, command, self._running_site.directory / f"{name}.log")
        await self._processes.launch(process, lambda: ready(self._running_site))
