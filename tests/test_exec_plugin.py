from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import exec_plugin
from aioinformer.errors import ConfigurationError
from aioinformer.exec_plugin import ExecPlugin

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "client.authentication.k8s.io/v1"
TOKEN = {"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "t"}}


def plugin(script: str, **environment: str) -> ExecPlugin:
    return ExecPlugin(VERSION, "/bin/sh", ("-c", script), environment)


def writing(document: Any) -> ExecPlugin:
    return plugin('printf %s "$DOCUMENT"', DOCUMENT=document if isinstance(document, str) else json.dumps(document))


async def test_a_plugin_is_asked_for_a_credential_as_kubectl_asks() -> None:
    script = (
        """printf '{"apiVersion":"%s","status":{"token":"%s","info":%s}}' "$V" "$OWN$HOME" "$KUBERNETES_EXEC_INFO" """
    )
    credential = await plugin(script, V=VERSION, OWN="own ").run()
    assert credential["token"] == "own " + os.environ["HOME"]
    asked = {"apiVersion": VERSION, "kind": "ExecCredential", "spec": {"interactive": False}}
    assert credential["info"] == asked


@pytest.mark.parametrize(
    "status",
    [{"token": "t"}, {"clientCertificateData": "c", "clientKeyData": "k"}, {"token": "t", "clientKeyData": "k"}],
)
async def test_a_credential_is_a_token_or_a_certificate_with_its_key(status: dict[str, str]) -> None:
    assert await writing({**TOKEN, "status": status}).run() == status


@pytest.mark.parametrize(
    "written",
    [
        "", "{", "canary", "[]", "null", "5", '{"status":null}', '{"token":"canary"}', '"\\ud800"',
        {**TOKEN, "status": {}}, {**TOKEN, "status": "canary"}, {**TOKEN, "status": {"clientCertificateData": "canary"}},
        {**TOKEN, "apiVersion": "canary"}, {"status": {"token": "canary"}},
    ],
)  # fmt: skip
async def test_anything_else_is_an_error_that_names_the_plugin_and_quotes_nothing(written: Any) -> None:
    with pytest.raises(ConfigurationError, match="/bin/sh") as refused:
        await writing(written).run()
    assert "canary" not in f"{refused.value!r}{refused.value.__cause__!r}{refused.value.__context__!r}"


async def test_what_a_failing_plugin_says_goes_to_stderr_and_into_no_message(capfd: pytest.CaptureFixture[str]) -> None:
    """A plugin in debug mode writes tokens there; kubectl passes it through, too."""
    with pytest.raises(ConfigurationError, match="ended with status 3; what it had to say is on stderr") as refused:
        await plugin("echo canary; echo canary >&2; exit 3").run()
    assert "canary" not in f"{refused.value!r}{refused.value.__context__!r}"
    assert capfd.readouterr().err == "canary\n"


async def test_a_plugin_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="/nowhere/plugin cannot be run: No such file") as refused:
        await ExecPlugin(VERSION, "/nowhere/plugin", ("canary",)).run()
    assert "canary" not in str(refused.value)


async def test_a_plugin_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exec_plugin, "PLUGIN_TIMEOUT", 0.2)
    with pytest.raises(ConfigurationError, match=r"did not end within 0\.2 s"):
        await plugin(f"echo $$ > {tmp_path}/pid; exec sleep 1000").run()
    assert not is_running(int((tmp_path / "pid").read_text()))


async def test_cancelling_kills_the_plugin(tmp_path: Path) -> None:
    """Leaving a factory while a plugin waits for somebody leaves no process behind."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    running = asyncio.ensure_future(plugin(f"echo $$ > {pipe}; exec sleep 1000").run())
    number = int(await asyncio.to_thread(pipe.read_text))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not is_running(number)


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_description_in_a_kubeconfig_becomes_a_plugin() -> None:
    described = {"apiVersion": VERSION, "command": "a", "args": ["b", 5], "env": [{"name": "N", "value": "v"}]}
    assert ExecPlugin.from_config(described) == ExecPlugin(VERSION, "a", ("b", "5"), {"N": "v"})
    bare = {"apiVersion": VERSION, "command": "a", "args": None, "env": None}
    assert ExecPlugin.from_config(bare) == ExecPlugin(VERSION, "a")


@pytest.mark.parametrize(
    "described",
    [{}, {"command": "a"}, {"apiVersion": "v"}, {"apiVersion": "v", "command": "a", "env": {"TOKEN": "canary"}},
     {"apiVersion": "v", "command": "a", "env": [{"value": "canary"}]}, {"apiVersion": "v", "command": "a", "args": 5}],
)  # fmt: skip
def test_a_description_that_is_not_whole_is_an_error_that_quotes_nothing(described: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="exec needs") as refused:
        ExecPlugin.from_config(described)
    assert "canary" not in f"{refused.value!r}{refused.value.__context__!r}"


def test_a_representation_shows_neither_arguments_nor_environment() -> None:
    made = ExecPlugin(VERSION, "aws", ("--secret", "canary"), {"KEY": "canary"})
    assert repr(made) == f"ExecPlugin(api_version='{VERSION}', command='aws')"
