"""Refreshing an OIDC token (RFC 6749, section 6), over TLS that is verified and to nobody but the provider."""

from __future__ import annotations

import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec

from aioinformer.discretion import origin, say
from aioinformer.errors import ConfigurationError

__all__ = ["OIDCClient", "OIDCTokens"]

ANSWER_TIMEOUT = 30.0
"""Seconds for each of the two requests."""
MAX_ANSWER = 1024 * 1024
"""Bytes; a token has a few thousand."""


class OIDCTokens(msgspec.Struct):
    """What a provider answers. ``refresh_token`` is ``""`` where the old one goes on being good."""

    id_token: str
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "<OIDCTokens>"


class _Provider(msgspec.Struct):
    token_endpoint: str


class OIDCClient(msgspec.Struct):
    """A client of an identity provider, as a kubeconfig's ``auth-provider`` describes it.

    ``authority`` is the provider's certificate authority, as PEM; ``None`` for those that the system trusts.
    """

    issuer: str
    client_id: str
    client_secret: str
    authority: str | None = None

    def __repr__(self) -> str:
        return f"<OIDCClient {origin(self.issuer)}>"

    async def refresh(self, refresh_token: str) -> OIDCTokens:
        """New tokens for a refresh token.

        Raises:
            ConfigurationError: the provider cannot be reached or verified, refuses, or answers something else.
        """
        issuer = self.issuer.rstrip("/")
        asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            async with self._session() as session:
                provider = await _ask(session, "GET", f"{issuer}/.well-known/openid-configuration", _Provider)
                tokens: OIDCTokens = await _ask(session, "POST", provider.token_endpoint, OIDCTokens, data=asked)
                return tokens
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = say(error)
        raise ConfigurationError(f"no new OIDC token from {origin(self.issuer)}: {why}")

    def _session(self) -> aiohttp.ClientSession:
        login = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=self.authority)),
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT),
            headers={"Accept": "application/json", "Authorization": f"Basic {b64encode(login.encode()).decode()}"},
            trust_env=True,  # for the proxy; the header above keeps ~/.netrc out of it
        )


async def _ask(session: aiohttp.ClientSession, method: str, url: str, document: type[Any], **options: Any) -> Any:
    if not url.startswith("https://"):
        raise ConfigurationError("the kubeconfig's OIDC provider is asked over https only")
    async with session.request(method, url, allow_redirects=False, **options) as response:
        if response.status != 200:  # noqa: PLR2004
            raise ConfigurationError(f"no new OIDC token from {origin(url)}: it answered {response.status}")
        body = bytearray()
        while len(body) < MAX_ANSWER and (chunk := await response.content.readany()):
            body += chunk
    try:
        return msgspec.json.decode(body[:MAX_ANSWER], type=document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        why = f"no new OIDC token from {origin(url)}: it answered something else"
    raise ConfigurationError(why)
