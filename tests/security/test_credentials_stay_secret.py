"""Whatever goes wrong, no token, password or key is in a log record, an exception, a status or a representation."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from aioinformer import SharedInformerFactory
from aioinformer.errors import CacheSyncError, CacheSyncTimeout, ConfigurationError, InformerError
from tests.security.overhearing import Overheard, said_by, spilt

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

    from tests.conftest import ClientOf, Serve
    from tests.security.certificates import Certificates

TOKEN = "canary-token-51c0"
PASSWORD = "canary-password-9e1f"
BASIC = base64.b64encode(f"somebody:{PASSWORD}".encode()).decode()
REFRESH_TOKEN, CLIENT_SECRET = "canary-refresh-77aa", "canary-client-secret-3b"
SECRETS = [TOKEN, PASSWORD, BASIC, REFRESH_TOKEN, CLIENT_SECRET]


def all_that(factory: SharedInformerFactory) -> list[str]:
    """What a factory and its informers say of themselves."""
    said = [repr(factory), str(factory)]
    for informer in factory.informers:
        said += [repr(informer), str(informer), repr(informer.status), str(informer.status), informer.explain_sync()]
        said += [repr(informer.resource), repr(informer.failure), repr(informer.events()), repr(informer.lister)]
        if informer.status.last_error is not None:
            said += said_by(informer.status.last_error)
    return said


async def after_a_failed_attempt(client: ApiClient | None, overheard: Overheard, **options: Any) -> list[str]:
    """All that is said about an informer's first attempt, which fails; and at least what it was."""
    asyncio.get_running_loop().set_debug(True)
    said: list[str] = []
    async with SharedInformerFactory(client) as factory:
        informer = factory.informer("secrets", **options)
        await overheard.attempt_over.wait()
        assert informer.status.last_error is not None
        for keep_waiting in (False, True):
            try:
                await informer.wait_for_cache_sync(0, keep_waiting=keep_waiting)
            except (CacheSyncError, CacheSyncTimeout) as error:
                said += said_by(error)
                said += [text for reason in error.errors.values() if reason for text in said_by(reason)]
        said += all_that(factory)
    said += all_that(factory)
    gc.collect()  # what nobody awaited is logged when it goes
    assert any(type(informer.status.last_error).__name__ in text for text in said)
    return said + overheard.lines


def echo_of(request: web.Request) -> str:
    """What a careless server says of a request: all of it."""
    return json.dumps({**request.headers, "basic": PASSWORD if BASIC in str(request.headers) else ""})


def status_that_echoes(status: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.Response:
        said = {"kind": "Status", "metadata": {}, "code": status, "reason": f"Bad{request.headers['Authorization']}"}
        return web.json_response({**said, "message": f"will not take {echo_of(request)}"}, status=status)

    return answer


def text_that_echoes(status: int, content_type: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=echo_of(request), content_type=content_type)

    return answer


async def error_event_that_echoes(request: web.Request) -> web.StreamResponse:
    said = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": echo_of(request)}}
    return web.Response(text=json.dumps(said) + "\n", content_type="application/json")


async def garbage_that_echoes(request: web.Request) -> web.StreamResponse:
    return web.Response(text=echo_of(request) + "\n", content_type="application/json")


async def redirect_that_echoes(request: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": f"http://other.invalid/?{request.headers['Authorization']}"})


ANSWERS = {
    "401": status_that_echoes(401),
    "403": status_that_echoes(403),
    "404": status_that_echoes(404),
    "410": status_that_echoes(410),
    "429": status_that_echoes(429),
    "500": status_that_echoes(500),
    "500, plain text": text_that_echoes(500, "text/plain"),
    "200, a page": text_that_echoes(200, "text/html"),
    "error event": error_event_that_echoes,
    "garbage": garbage_that_echoes,
    "redirect": redirect_that_echoes,
}


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"Basic {BASIC}"])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_server_that_echoes_what_it_was_sent(
    serve: Serve, client_of: ClientOf, overheard: Overheard, answer: str, authorization: str
) -> None:
    client = client_of(await serve(ANSWERS[answer]), api_key={"BearerToken": authorization})
    assert spilt(await after_a_failed_attempt(client, overheard), SECRETS) == []


async def test_a_list_that_turns_out_to_be_an_echo(serve: Serve, client_of: ClientOf, overheard: Overheard) -> None:
    """Also where the first list comes in pages, not as a stream."""
    client = client_of(await serve(status_that_echoes(200)), token=TOKEN)
    said = await after_a_failed_attempt(client, overheard, initial_list="consistent")
    assert spilt(said, SECRETS) == []


async def test_a_default_header_of_the_clients(serve: Serve, client_of: ClientOf, overheard: Overheard) -> None:
    client = client_of(await serve(status_that_echoes(500)), token=TOKEN)
    client.set_default_header("X-Api-Key", PASSWORD)
    assert spilt(await after_a_failed_attempt(client, overheard), SECRETS) == []


@asynccontextmanager
async def echo_server(before: bytes) -> AsyncGenerator[str]:
    """Something that is no HTTP server, and sends back what it gets."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(before + head[head.lower().index(b"authorization: ") :])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"HTTP/1.1 ",
        b"HTTP/1.1 200 OK\r\n\x01",
        HEAD + b"Content-Length: ",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 500\r\n\r\n",
        HEAD + b"Content-Length: 5000\r\n\r\n",
        b"HTTP/1.1 500 ",
        b"HTTP/1.1 200 OK\r\nContent-Type: ",
    ],
)
async def test_something_that_is_no_http_server(client_of: ClientOf, overheard: Overheard, before: bytes) -> None:
    async with echo_server(before) as place:
        said = await after_a_failed_attempt(client_of(f"http://{place}", token=TOKEN), overheard)
    assert spilt(said, SECRETS) == []


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://cluster.invalid", "http://[::1", "ftp://127.0.0.1"])
@pytest.mark.parametrize("proxy", [None, "http://user:{}@127.0.0.1:1", "http://user:{}@127.0.0.1:none", "user:{}@::1"])
async def test_an_address_with_a_password_that_leads_nowhere(
    client_of: ClientOf, overheard: Overheard, host: str, proxy: str | None
) -> None:
    named = host.replace("://", f"://user:{PASSWORD}@")
    client = client_of(named, proxy=proxy and proxy.format(PASSWORD))
    assert spilt(await after_a_failed_attempt(client, overheard), SECRETS) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_asks_for_another_password(
    serve: Serve, client_of: ClientOf, overheard: Overheard, scheme: str
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=407, text=echo_of(request))

    proxy = (await serve(refuse)).replace("://", f"://user:{PASSWORD}@")
    client = client_of(f"{scheme}://cluster.invalid", token=TOKEN, proxy=proxy)
    assert spilt(await after_a_failed_attempt(client, overheard), SECRETS) == []


async def test_a_server_that_cannot_be_verified(
    serve: Serve, client_of: ClientOf, overheard: Overheard, certificates: Certificates
) -> None:
    url = await serve(garbage_that_echoes, tls=certificates.server("DNS:elsewhere.invalid"))
    certificate, key_file = certificates.sign("somebody", "DNS:somebody.invalid")
    client = client_of(url, token=TOKEN, cert_file=certificate, key_file=key_file)
    said = await after_a_failed_attempt(client, overheard)
    key = (certificates.home / "somebody.key").read_text().splitlines()[1]
    assert spilt(said, [*SECRETS, key]) == []


async def test_a_hook_that_fails_with_the_token_on_its_lips(client_of: ClientOf, overheard: Overheard) -> None:
    def hook(configuration: Any) -> None:
        raise RuntimeError(f"not accepted: {configuration.api_key}")

    client = client_of("http://127.0.0.1:1", token=TOKEN, refresh_api_key_hook=hook)
    async with SharedInformerFactory(client) as factory:
        informer = factory.informer("secrets")
        await overheard.attempt_over.wait()
        assert isinstance(informer.status.last_error, ConfigurationError)
        assert spilt([str(informer.status.last_error), repr(informer.status), *overheard.lines], SECRETS) == []


class Kubeconfigs:
    """Kubeconfigs that cannot be used, each with something in it that nobody may read."""

    exec = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh"}  # noqa: RUF012  # never changed
    oidc = {  # noqa: RUF012
        "client-id": "i", "client-secret": CLIENT_SECRET, "refresh-token": REFRESH_TOKEN,
        "idp-issuer-url": "https://127.0.0.1:1",
    }  # fmt: skip

    @classmethod
    def plugin(cls, script: str) -> dict[str, Any]:
        return {"exec": {**cls.exec, "args": ["-c", script]}}


USERS: dict[str, Any] = {
    "plugin fails": Kubeconfigs.plugin(f"echo {TOKEN} >&2; echo {TOKEN}; exit 1"),
    "plugin writes no JSON": Kubeconfigs.plugin(f"echo {TOKEN}"),
    "plugin writes something else": Kubeconfigs.plugin(f"""echo '{{"token":"{TOKEN}"}}'"""),
    "plugin of another version": Kubeconfigs.plugin(
        f"""echo '{{"apiVersion":"{TOKEN}","status":{{"token":"{TOKEN}"}}}}'"""
    ),
    "plugin gives half a certificate": Kubeconfigs.plugin(
        f"""echo '{{"apiVersion":"client.authentication.k8s.io/v1","status":{{"clientKeyData":"{TOKEN}"}}}}'"""
    ),
    "plugin gives no certificate": Kubeconfigs.plugin(
        f"""echo '{{"apiVersion":"client.authentication.k8s.io/v1","status":{{"clientCertificateData":"{TOKEN}","clientKeyData":"{TOKEN}"}}}}'"""
    ),
    "plugin that is not there": {"exec": {**Kubeconfigs.exec, "command": "/nowhere/plugin", "args": [TOKEN]}},
    "plugin without a command": {"exec": {"apiVersion": "v1", "args": [TOKEN]}},
    "plugin with odd arguments": {"exec": {**Kubeconfigs.exec, "args": f"--token={TOKEN}"}},
    "plugin with an odd environment": {"exec": {**Kubeconfigs.exec, "env": {"TOKEN": TOKEN}}},
    "plugin that is a string": {"exec": TOKEN},
    "token file that is a token": {"tokenFile": TOKEN},
    "key file that is a key": {"client-certificate-data": "", "client-key": base64.b64encode(TOKEN.encode()).decode()},
    "certificate without a key": {"client-certificate": "ca.crt", "client-key": TOKEN},
    "no certificate": {"client-certificate-data": base64.b64encode(TOKEN.encode()).decode(), "token": TOKEN},
    "key that is no base64": {"client-key-data": f"{TOKEN}!", "token": TOKEN},
    "unknown provider": {"auth-provider": {"name": "oidc", "config": TOKEN}},
    "OIDC token that is none": {"auth-provider": {"name": "oidc", "config": {**Kubeconfigs.oidc, "id-token": TOKEN}}},
    "OIDC token of nonsense": {
        "auth-provider": {"name": "oidc", "config": {**Kubeconfigs.oidc, "id-token": f"a.{TOKEN}.c"}}
    },
    "OIDC provider that is away": {"auth-provider": {"name": "oidc", "config": Kubeconfigs.oidc}},
    "OIDC over http": {
        "auth-provider": {"name": "oidc", "config": {**Kubeconfigs.oidc, "idp-issuer-url": f"http://u:{PASSWORD}@idp"}}
    },
    "OIDC authority that is none": {
        "auth-provider": {"name": "oidc", "config": {**Kubeconfigs.oidc, "idp-certificate-authority-data": "YQ=="}}
    },
    "gcloud that is not there": {
        "auth-provider": {"name": "gcp", "config": {"cmd-path": "/nowhere", "cmd-args": TOKEN}}
    },
}
TEXTS = {
    "a tag": f"users: !{TOKEN}",
    "an alias": f"users: *{TOKEN}",
    "a tab": f"users:\n\t{TOKEN}",
    "two colons": f"token: {TOKEN}: x",
    "a directive": f"%{TOKEN}",
    "an unknown escape": f'users: "\\q{TOKEN}"',
    "a control character": f"token: {TOKEN}\x07",
    "no end": f'users: "{TOKEN}',
    "a list": f"- {TOKEN}",
    "a text": TOKEN,
    "users that are texts": json.dumps({"users": [TOKEN], "clusters": [], "contexts": []}),
    "a user without a name": json.dumps({"users": [{"token": TOKEN}], "clusters": [], "contexts": []}),
    "users in a list": json.dumps({"users": [[TOKEN]], "clusters": [], "contexts": [], "current-context": "c"}),
    "a user of the wrong form": json.dumps(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://cluster.invalid"}}],
            "users": [{"name": "u", "token": TOKEN}],
        }
    ),
}


def kubeconfig(user: dict[str, Any], server: str = "https://cluster.invalid") -> str:
    return json.dumps(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
        }
    )


@pytest.mark.filterwarnings("ignore:.*utc.*:DeprecationWarning")  # upstream's loader
@pytest.mark.parametrize("what", [*USERS, *TEXTS])
async def test_a_kubeconfig_that_cannot_be_used(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overheard: Overheard
) -> None:
    """What a plugin writes to stderr is its own, and goes to the terminal as with kubectl."""
    path = tmp_path / "kubeconfig"
    path.write_text(TEXTS[what] if what in TEXTS else kubeconfig(USERS[what]))
    monkeypatch.setenv("KUBECONFIG", str(path))
    said: list[str] = []
    with pytest.raises(InformerError) as refused:
        async with SharedInformerFactory() as factory:
            said += all_that(factory)
    said += [*said_by(refused.value), *overheard.lines]
    encoded = base64.b64encode(TOKEN.encode()).decode()
    assert isinstance(refused.value, ConfigurationError)
    assert spilt(said, [*SECRETS, encoded]) == []
