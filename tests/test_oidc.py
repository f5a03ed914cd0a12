from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from aioinformer import oidc
from aioinformer.errors import ConfigurationError
from aioinformer.oidc import OIDCClient, OIDCTokens
from tests.security.certificates import Certificates, made_in
from tests.security.overhearing import said_by, spilt

if TYPE_CHECKING:
    import ssl

    from tests.conftest import Serve

REFRESH, SECRET, NEW = "canary-refresh-token", "canary client/secret", "canary-new-token"
CANARIES = [REFRESH, SECRET, NEW, base64.b64encode(f"me:{SECRET}".encode()).decode()]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> ssl.SSLContext:
    return certificates.server("IP:127.0.0.1")


class Provider:
    """An identity provider; ``token_endpoint`` and ``answer`` are what it says, and ``asked`` what it was asked."""

    def __init__(self, answer: web.Response | dict[str, Any], token_endpoint: str = "") -> None:
        self.answer = answer
        self.token_endpoint = token_endpoint
        self.asked: list[tuple[str, str, str]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Authorization", ""), await request.text()))
        if request.path == "/realm/.well-known/openid-configuration":
            return web.json_response({"token_endpoint": self.token_endpoint or f"https://{request.host}/token", "x": 1})
        return self.answer if isinstance(self.answer, web.Response) else web.json_response(self.answer)


def client(url: str, certificates: Certificates | None) -> OIDCClient:
    authority = Path(certificates.authority).read_text() if certificates else None
    return OIDCClient(f"{url}/realm/", "me", SECRET, authority)


async def test_a_refresh_token_becomes_new_tokens(
    serve: Serve, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    provider = Provider({"id_token": NEW, "refresh_token": "next", "access_token": "other"})
    tokens = await client(await serve(provider, tls=tls), certificates).refresh(REFRESH)
    assert tokens == OIDCTokens(NEW, "next")
    (_, (path, authorization, form)) = provider.asked
    assert path == "/token"
    assert parse_qs(form) == {"grant_type": ["refresh_token"], "refresh_token": [REFRESH]}
    assert base64.b64decode(authorization.partition(" ")[2]) == b"me:canary+client%2Fsecret"


async def test_a_provider_may_keep_the_refresh_token_as_it_is(
    serve: Serve, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    url = await serve(Provider({"id_token": NEW}), tls=tls)
    assert (await client(url, certificates).refresh(REFRESH)).refresh_token == ""


async def test_a_provider_that_cannot_be_verified_gets_nothing(
    serve: Serve, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    """Without an authority of its own it is verified with the system's, which do not know this one."""
    provider = Provider({"id_token": NEW})
    url = await serve(provider, tls=tls)
    with pytest.raises(ConfigurationError, match="certificate verify failed") as refused:
        await client(url, None).refresh(REFRESH)
    with pytest.raises(ConfigurationError, match="certificate"):
        await client(url.replace("127.0.0.1", "localhost"), certificates).refresh(REFRESH)
    assert provider.asked == []
    assert spilt(said_by(refused.value), CANARIES) == []


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", "HTTP://user:canary@127.0.0.1", "ftp://a", ""])
async def test_only_https_will_do(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="https only") as refused:
        await OIDCClient(issuer, "me", SECRET).refresh(REFRESH)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(
    serve: Serve, tls: ssl.SSLContext, certificates: Certificates, status: int
) -> None:
    elsewhere = Provider({"id_token": NEW})
    target = await serve(elsewhere, tls=tls)
    provider = Provider(web.Response(status=status, headers={"Location": f"{target}/token"}))
    with pytest.raises(ConfigurationError, match=f"answered {status}"):
        await client(await serve(provider, tls=tls), certificates).refresh(REFRESH)
    assert elsewhere.asked == []


async def test_nor_does_the_provider_name_an_unverified_place_for_it(
    serve: Serve, tls: ssl.SSLContext, certificates: Certificates
) -> None:
    elsewhere = Provider({"id_token": NEW})
    provider = Provider({}, token_endpoint=f"{await serve(elsewhere)}/token")
    with pytest.raises(ConfigurationError, match="https only"):
        await client(await serve(provider, tls=tls), certificates).refresh(REFRESH)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=400, text=json.dumps({"error": REFRESH})),
        web.Response(status=500, text=REFRESH),
        web.Response(text=REFRESH),
        web.Response(text=json.dumps([NEW])),
        web.Response(text=json.dumps({"id_token": 5, "refresh_token": NEW})),
        web.Response(body=b'{"id_token":"\xff' + NEW.encode()),
        web.Response(body=b" " * 3000 + b'{"id_token":"' + NEW.encode() + b'"}'),
    ],
    ids=["400", "500", "text", "list", "number", "no text", "endless"],
)
async def test_any_other_answer_is_an_error_that_quotes_nothing(
    serve: Serve,
    tls: ssl.SSLContext,
    certificates: Certificates,
    answer: web.Response,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oidc, "MAX_ANSWER", 2000)
    with pytest.raises(ConfigurationError, match="no new OIDC token from https://127") as refused:
        await client(await serve(Provider(answer), tls=tls), certificates).refresh(REFRESH)
    assert spilt(said_by(refused.value), CANARIES) == []


async def test_an_authority_that_is_no_certificate_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no new OIDC token"):
        await OIDCClient("https://127.0.0.1:1", "me", SECRET, "no PEM").refresh(REFRESH)


def test_representations_show_no_secret() -> None:
    held = [OIDCClient("https://me:canary@idp.invalid/x", "me", SECRET, "PEM"), OIDCTokens(NEW, REFRESH)]
    assert [repr(each) for each in held] == ["<OIDCClient https://idp.invalid>", "<OIDCTokens>"]
