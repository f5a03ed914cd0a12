"""Ways in: clients and kubeconfigs that know a server's address and token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer.testing.encoding import encode
from aioinformer.testing.requests import product

if TYPE_CHECKING:
    from aioinformer.testing.tokens import Tokens

__all__ = ["make_client", "write_kubeconfig"]

_NAME = "aioinformer-testing"
_NO_AUTHORITIES = str(Path(__file__).with_name("nobody.pem"))
"""Loading the system's authorities takes every client 20 ms or more, and plain HTTP needs none."""

_ANYBODY = "Bearer anybody"
"""For a server without tokens: without a header to renew, the client would never ask its hook."""


def make_client(url: str, tokens: Tokens, *, name: str, refresh: bool) -> ApiClient:
    """A client for a server; its User-Agent is the name, if it has one. With ``refresh``, a refused token is exchanged for the latest.

    Raises:
        ValueError: the name has a slash or a space, and so could not be told from a version.
    """
    if name != product(name):
        raise ValueError(f"a client's name has neither slashes nor spaces: {name!r}")
    configuration = Configuration(host=url, ssl_ca_cert=_NO_AUTHORITIES)
    keys: dict[str, str] = {}
    if tokens.authorization or refresh:
        keys["BearerToken"] = tokens.authorization or _ANYBODY
    configuration.api_key = keys

    def exchange(_: Configuration) -> None:
        if tokens.was_refused(keys["BearerToken"]):
            keys["BearerToken"] = tokens.authorization

    if refresh:
        configuration.refresh_api_key_hook = exchange
    client = ApiClient(configuration)
    if name:
        client.user_agent = name
    return client


def write_kubeconfig(path: str | Path, url: str, token: str | None) -> None:
    """Write a kubeconfig with one context, for kubectl or any client library."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": url}}],
        "users": [{"name": _NAME, "user": {"token": token} if token is not None else {}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        "current-context": _NAME,
    }
    Path(path).write_bytes(encode(config))
