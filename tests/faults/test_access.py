"""Rights that are taken away and given back, tokens that expire, and where new ones come from."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aioinformer import InformerState
from tests.faults.administrator import Administrator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    import pytest

    from aioinformer import Informer, KubeObject
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial, Proxied

RBAC = "/apis/rbac.authorization.k8s.io/v1"
# prints a credential with the token that is in a file, or fails as the file of failures says; notes each call
PLUGIN = """
import datetime, json, pathlib, sys
token, calls, broken = map(pathlib.Path, sys.argv[1:])
with calls.open("a") as log: print("called", file=log)
if broken.exists(): sys.exit("the identity provider is away")
expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
status = {"token": token.read_text().strip(), "expirationTimestamp": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


def denied(informer: Informer[KubeObject]) -> bool:
    return informer.status.state is InformerState.DENIED


class Reader:
    """The right to read ConfigMaps, for the user who has no other."""

    def __init__(self, administrator: Administrator) -> None:
        self._administrator = administrator
        self._name = administrator.namespace

    async def grant(self) -> None:
        """Bind the user to the role, and return when that counts."""
        subject = {"kind": "User", "name": "powerless", "apiGroup": "rbac.authorization.k8s.io"}
        role = {"kind": "ClusterRole", "name": self._name, "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": {"name": self._name}, "subjects": [subject], "roleRef": role}
        await self._administrator.create(f"{RBAC}/clusterrolebindings", binding)
        await self._until(allowed=True)

    async def revoke(self) -> None:
        """Take the right away, and return when that counts."""
        await self._administrator.insist("DELETE", f"{RBAC}/clusterrolebindings/{self._name}")
        await self._until(allowed=False)

    async def define(self) -> None:
        """Create the role."""
        rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}
        await self._administrator.create(f"{RBAC}/clusterroles", {"metadata": {"name": self._name}, "rules": [rule]})

    async def _until(self, *, allowed: bool) -> None:
        question = {"user": "powerless", "resourceAttributes": {"verb": "watch", "resource": "configmaps"}}
        status: dict[str, object] = {}
        while status.get("allowed") is not allowed:
            path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
            status = (await self._administrator.insist("POST", path, {"spec": question}))[1]["status"]


@asynccontextmanager
async def reader(plane: ControlPlane) -> AsyncGenerator[Reader]:
    async with Administrator(plane) as administrator:
        made = Reader(administrator)
        await made.define()
        await made.grant()
        yield made


async def test_a_revoked_right_is_reported_and_used_again_once_it_is_back(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    """The server checks rights when a watch is opened only, so the connection is cut, too; reads go on meanwhile."""
    async with reader(steady) as right, toxiproxy(steady) as proxy:
        client = client_for(steady, url=proxy.url, token=steady.powerless_token)
        async with trial("RBAC: right revoked, granted again", steady, client=client) as run:
            await right.revoke()
            await proxy.cut()
            await run.all(denied)
            await run.writer.writes(50)
            assert all(len(informer) and not informer.status.ready for informer in run.informers)
            await right.grant()
    assert run.relists == 0


async def test_a_rotated_token_is_read_from_its_file(
    fragile: ControlPlane, trial: OnTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(fragile.token_file_kubeconfig()))
    async with trial("token file rotated, old token refused", fragile, client=None):
        await fragile.rotate_token()


async def test_an_exec_plugin_is_asked_again_when_its_token_has_expired_and_only_then(
    fragile: ControlPlane, trial: OnTrial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Six watches that are refused cost one call."""
    calls, broken = tmp_path / "calls", tmp_path / "broken"
    plugin = fragile.exec_kubeconfig(sys.executable, "-c", PLUGIN, *map(str, (fragile.token_file, calls, broken)))
    monkeypatch.setenv("KUBECONFIG", str(plugin))
    async with trial("exec plugin's token expired", fragile, client=None):
        assert calls.read_text().split() == ["called"]
        await fragile.rotate_token()
    assert calls.read_text().split() == ["called"] * 2


async def test_an_exec_plugin_that_fails_is_reported_and_asked_again(
    fragile: ControlPlane, trial: OnTrial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls, broken = tmp_path / "calls", tmp_path / "broken"
    plugin = fragile.exec_kubeconfig(sys.executable, "-c", PLUGIN, *map(str, (fragile.token_file, calls, broken)))
    monkeypatch.setenv("KUBECONFIG", str(plugin))
    async with trial("exec plugin fails when the token has expired", fragile, client=None) as run:
        broken.touch()
        await fragile.rotate_token()
        await run.all(lambda informer: "the exec plugin" in str(informer.status.last_error))
        assert all(map(denied, run.informers))
        broken.unlink()
