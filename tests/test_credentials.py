from __future__ import annotations

import base64
import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import certifi
import pytest
from aiohttp import web

from aioinformer.credentials import default_client
from aioinformer.errors import ConfigurationError, Unauthorized
from aioinformer.transport import Transport
from tests.security.certificates import Certificates, made_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from kubernetes_asyncio.client import ApiClient

    from tests.conftest import Serve

# upstream's loader still calls datetime.utcnow()
pytestmark = pytest.mark.filterwarnings("ignore:.*utc.*:DeprecationWarning")

Load: TypeAlias = "Callable[[], Awaitable[tuple[ApiClient, Callable[[], Awaitable[None]] | None]]]"
EXEC_VERSION = "client.authentication.k8s.io/v1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a kubeconfig, outside any pod."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def load() -> AsyncGenerator[Load]:
    """``default_client``, whose clients are closed after the test."""
    clients: list[ApiClient] = []

    async def loaded() -> tuple[ApiClient, Callable[[], Awaitable[None]] | None]:
        client, refresh = await default_client()
        clients.append(client)
        return client, refresh

    yield loaded
    for client in clients:
        await client.close()


def kubeconfig(user: dict[str, Any], server: str = "https://cluster.invalid:6443", **cluster: Any) -> str:
    """The text of a kubeconfig; JSON is YAML, too."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user}],
        }
    )


@pytest.fixture
def write(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a kubeconfig where KUBECONFIG points."""

    def written(text: str) -> Path:
        path = home / "kubeconfig.yaml"
        path.write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(path))
        return path

    return written


async def token_of(client: ApiClient) -> str | None:
    headers: dict[str, str] = {}
    await client.update_params_for_auth(headers, [], ["BearerToken"])
    return headers.get("authorization")


class TestWhere:
    async def test_the_file_that_kubeconfig_names(self, load: Load, write: Callable[[str], Path]) -> None:
        write(kubeconfig({"token": "t"}))
        client, refresh = await load()
        assert client.configuration.host == "https://cluster.invalid:6443"
        assert await token_of(client) == "Bearer t"
        assert refresh is not None

    async def test_a_user_with_a_password_or_with_nothing(self, load: Load, write: Callable[[str], Path]) -> None:
        for user, header in (({"username": "u", "password": "p"}, "Basic dTpw"), ({}, None)):
            write(kubeconfig(user))
            client, _ = await load()
            assert await token_of(client) == header

    async def test_else_the_file_in_the_home(self, load: Load, home: Path) -> None:
        (home / ".kube").mkdir()
        (home / ".kube" / "config").write_text(kubeconfig({"token": "t"}))
        client, _ = await load()
        assert await token_of(client) == "Bearer t"

    async def test_several_files_are_merged_and_those_that_are_missing_are_left_out(
        self, load: Load, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = json.loads(kubeconfig({"token": "t"}))
        users = {"users": whole.pop("users")}
        (home / "a").write_text(json.dumps(whole))
        (home / "b").write_text(json.dumps(users))
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join(str(home / name) for name in ("missing", "a", "b")))
        client, _ = await load()
        assert await token_of(client) == "Bearer t"

    async def test_relative_paths_are_relative_to_the_file(
        self, load: Load, home: Path, write: Callable[[str], Path]
    ) -> None:
        (home / "ca.pem").write_text(certifi.contents())
        write(kubeconfig({"token": "t"}, **{"certificate-authority": "ca.pem"}))
        client, _ = await load()
        assert client.configuration.ssl_ca_cert == str(home / "ca.pem")

    async def test_else_the_service_account_of_the_pod(
        self, load: Load, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "token").write_text("pod-token")
        upstream = "kubernetes_asyncio.config.incluster_config"
        monkeypatch.setattr(f"{upstream}.SERVICE_TOKEN_FILENAME", str(home / "token"))
        monkeypatch.setattr(f"{upstream}.SERVICE_CERT_FILENAME", certifi.where())
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        client, refresh = await load()
        assert client.configuration.host == "https://10.0.0.1:443"
        assert await token_of(client) == "Bearer pod-token"
        assert refresh is None

    @pytest.mark.parametrize("named", ["", "/nowhere/kubeconfig"])
    async def test_nothing_there_is_an_error_that_says_what_was_tried(
        self, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        monkeypatch.setenv("KUBECONFIG", named)
        with pytest.raises(ConfigurationError) as caught:
            await default_client()
        for part in (named or "~/.kube/config", "set KUBECONFIG", "Service host/port is not set", "api_client)"):
            assert part in str(caught.value)


class TestUnusable:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "a: b: c",
            "just text",
            "[]",
            "current-context: here",
            kubeconfig({"token": "secret"}).replace('"current-context": "here"', '"current-context": "elsewhere"'),
            kubeconfig({"token": "secret"}).replace('"cluster": "c"', '"cluster": "elsewhere"'),
            kubeconfig({"token": "secret", "client-certificate": "/nowhere/cert.pem"}),
            kubeconfig({"token": "secret"}, **{"certificate-authority": "/nowhere/ca.pem"}),
            kubeconfig({"token": "secret"}, **{"certificate-authority-data": "no base64!"}),
            kubeconfig({"token": "secret"}, **{"certificate-authority-data": base64.b64encode(b"no PEM").decode()}),
            kubeconfig({"exec": {"apiVersion": EXEC_VERSION, "env": [{"name": "A", "value": "secret"}]}}),
            kubeconfig({"exec": {"apiVersion": EXEC_VERSION, "command": "/nowhere/plugin"}}),
            kubeconfig({"auth-provider": {"name": "oidc", "config": {"refresh-token": "secret"}}}),
        ],
    )
    async def test_it_is_an_error_of_ours_that_names_the_file_and_quotes_no_secret(
        self, write: Callable[[str], Path], text: str
    ) -> None:
        path = write(text)
        with pytest.raises(ConfigurationError) as caught:
            await default_client()
        assert str(path) in str(caught.value) or "exec" in str(caught.value)
        assert "secret" not in str(caught.value)

    async def test_a_token_in_the_wrong_place_is_not_quoted(self, write: Callable[[str], Path]) -> None:
        """Upstream's message quotes the whole user entry."""
        config = json.loads(kubeconfig({}))
        config["users"] = [{"name": "u", "token": "secret"}]
        write(json.dumps(config))
        with pytest.raises(ConfigurationError, match="user") as caught:
            await default_client()
        assert "secret" not in f"{caught.value}{caught.value.__cause__}"

    async def test_a_directory_is_no_kubeconfig(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECONFIG", str(home))
        with pytest.raises(ConfigurationError, match=str(home)):
            await default_client()


class TestRefreshing:
    async def test_a_token_file_is_read_again_and_its_newline_is_no_part_of_the_token(
        self, load: Load, home: Path, write: Callable[[str], Path]
    ) -> None:
        (home / "token").write_text("first\n")
        write(kubeconfig({"tokenFile": "token"}))
        client, refresh = await load()
        assert await token_of(client) == "Bearer first"
        (home / "token").write_text("second\n")
        assert refresh is not None
        await refresh()
        assert await token_of(client) == "Bearer second"

    async def test_a_kubeconfig_that_has_gone_is_an_error_of_ours(
        self, load: Load, write: Callable[[str], Path]
    ) -> None:
        path = write(kubeconfig({"token": "t"}))
        _, refresh = await load()
        path.unlink()
        assert refresh is not None
        with pytest.raises(ConfigurationError, match=str(path)):
            await refresh()

    async def test_an_exec_plugin_runs_again_when_the_server_refuses_its_token(
        self, load: Load, home: Path, serve: Serve, write: Callable[[str], Path]
    ) -> None:
        credential = {"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": {"token": "RUN"}}
        plugin = home / "plugin.sh"
        plugin.write_text(f"echo >> runs\nrun=$(wc -l < runs)\necho '{json.dumps(credential)}' | sed s/RUN/t$run/\n")
        tokens: list[str | None] = []

        async def handler(request: web.Request) -> web.Response:
            tokens.append(request.headers.get("Authorization"))
            return web.json_response({}, status=200 if len(tokens) > 1 else 401)

        execution = {"apiVersion": EXEC_VERSION, "command": "/bin/sh", "args": ["-c", f"cd {home} && . ./plugin.sh"]}
        write(kubeconfig({"exec": execution}, await serve(handler)))
        client, refresh = await load()
        async with Transport(client, refresh) as transport:
            await transport.read("/api")
        assert [(token or "").split() for token in tokens] == [["Bearer", "t1"], ["Bearer", "t2"]]

    async def test_a_plugins_new_certificate_is_shown_by_new_connections(
        self, load: Load, home: Path, serve: Serve, write: Callable[[str], Path], certificates: Certificates
    ) -> None:
        """They last for minutes; verification is none of a plugin's business and stays as it was."""
        context = certificates.server("IP:127.0.0.1")
        context.verify_mode = ssl.CERT_REQUIRED
        shown: list[str] = []

        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            subject = dict(part[0] for part in request.transport.get_extra_info("peercert")["subject"])
            shown.append(subject["commonName"])
            return web.json_response({}, status=200 if len(shown) > 1 else 401)

        def give(name: str) -> None:
            certificate, key = (Path(file).read_text() for file in certificates.sign(name, "DNS:somebody.invalid"))
            status = {"clientCertificateData": certificate, "clientKeyData": key}
            (home / "credential").write_text(json.dumps({"apiVersion": EXEC_VERSION, "status": status}))

        give("first")
        execution = {"apiVersion": EXEC_VERSION, "command": "/bin/cat", "args": [str(home / "credential")]}
        url = await serve(handler, tls=context)
        write(kubeconfig({"exec": execution}, url, **{"certificate-authority": certificates.authority}))
        client, refresh = await load()
        give("second")
        async with Transport(client, refresh) as transport:
            await transport.read("/api")
        assert shown == ["first", "second"]

    async def test_a_certificate_that_cannot_be_used_is_an_error_of_ours(
        self, load: Load, home: Path, write: Callable[[str], Path], certificates: Certificates
    ) -> None:
        certificate, key = certificates.sign("somebody", "DNS:somebody.invalid")
        write(kubeconfig({"client-certificate": certificate, "client-key": key}))
        client, refresh = await load()
        (home / "other.key").write_text("no key")
        path = write(kubeconfig({"client-certificate": certificate, "client-key": "other.key"}))
        assert refresh is not None
        with pytest.raises(ConfigurationError, match=f"client certificate of the kubeconfig {path}"):
            await refresh()
        assert client.configuration.key_file == key

    @pytest.mark.parametrize(
        "change",
        [
            {"insecure-skip-tls-verify": True},
            {"certificate-authority-data": base64.b64encode(certifi.contents().encode()).decode()},
            {"tls-server-name": "other.invalid"},
            {"proxy-url": "http://127.0.0.1:1"},
        ],
        ids=lambda change: next(iter(change)),
    )
    async def test_it_changes_nothing_but_the_credentials(
        self, load: Load, serve: Serve, write: Callable[[str], Path], certificates: Certificates, change: dict[str, Any]
    ) -> None:
        """Whoever can write the kubeconfig later cannot switch off the verification of a process that runs."""
        asked: list[str | None] = []

        async def handler(request: web.Request) -> web.Response:
            asked.append(request.headers.get("Authorization"))
            return web.json_response({}, status=401)

        url = await serve(handler, tls=certificates.server("IP:127.0.0.1"))
        known = {"certificate-authority": certificates.authority}
        write(kubeconfig({"token": "first"}, url, **known))
        client, refresh = await load()
        before = vars(client.configuration).copy()
        write(
            kubeconfig(
                {"token": "second"}, url, **(change if "certificate-authority-data" in change else known | change)
            )
        )
        async with Transport(client, refresh) as transport:
            with pytest.raises(Unauthorized):
                await transport.read("/api")
            context: Any = transport._session.connector
            assert context._ssl.verify_mode is ssl.CERT_REQUIRED
            assert context._ssl.check_hostname
        assert asked == ["Bearer first", "Bearer second"]
        assert {name for name, value in vars(client.configuration).items() if value != before[name]} == {"api_key"}

    async def test_another_server_gets_neither_the_old_credentials_nor_the_new(
        self, load: Load, write: Callable[[str], Path]
    ) -> None:
        """Such as a local cluster that was made anew on another port."""
        write(kubeconfig({"token": "first"}))
        client, refresh = await load()
        write(kubeconfig({"token": "second"}, "https://other.invalid"))
        assert refresh is not None
        with pytest.raises(ConfigurationError, match=r"another server.*make a new factory"):
            await refresh()
        assert client.configuration.host == "https://cluster.invalid:6443"
        assert await token_of(client) == "Bearer first"

    async def test_another_current_context_is_not_followed(self, load: Load, write: Callable[[str], Path]) -> None:
        """Somebody's ``kubectl config use-context`` must not send a process elsewhere, nor one cluster's token to another."""
        whole = json.loads(kubeconfig({"token": "first"}))
        write(json.dumps(whole))
        client, refresh = await load()
        whole["users"] = [{"name": "u", "user": {"token": "second"}}, {"name": "v", "user": {"token": "wrong"}}]
        whole["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "v"}})
        write(json.dumps({**whole, "current-context": "there"}))
        assert refresh is not None
        await refresh()
        assert await token_of(client) == "Bearer second"
