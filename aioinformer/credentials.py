# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# upstream's configuration is annotated in part
"""The client for those who bring none: kubeconfig, else the pod's service account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, incluster_config

from aioinformer.errors import ConfigurationError
from aioinformer.kubeconfig import Kubeconfig

__all__ = ["default_client"]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_load_service_account: Callable[..., None] = incluster_config.load_incluster_config
DEFAULT_KUBECONFIG = "~/.kube/config"


async def default_client() -> tuple[ApiClient, Callable[[], Awaitable[None]] | None]:
    """A client from ``$KUBECONFIG`` or ``~/.kube/config``, else from the pod this runs in; and how to refresh it.

    Refreshing reads the credentials of the same context again, which runs its exec plugin and re-reads token files. It
    changes nothing else, neither the server nor how it is verified. A service account's token is re-read by the client
    itself.

    Raises:
        ConfigurationError: neither is there, or what is there cannot be used; the message says what was tried.
    """
    paths = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    if _exists(paths):
        kubeconfig = Kubeconfig(paths)
        client = _client(await kubeconfig.load(), f"the kubeconfig {paths}")

        async def refresh() -> None:
            _renew(client, await kubeconfig.load(), f"the kubeconfig {paths}")

        return client, refresh
    configuration = Configuration()
    try:
        _load_service_account(client_configuration=configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigurationError(
            f"no cluster to talk to: there is no kubeconfig at {paths} (set KUBECONFIG), and this is no pod with a service "
            f"account ({str(error).rstrip('.')}). Or pass a client of yours: SharedInformerFactory(api_client)"
        ) from None
    return _client(configuration, "the service account"), None


def _exists(paths: str) -> bool:
    return any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path)


def _client(configuration: Configuration, origin: str) -> ApiClient:
    try:
        return ApiClient(configuration)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(f"the certificates or key of {origin} cannot be used: {error}") from error


def _renew(client: ApiClient, fresh: Configuration, origin: str) -> None:
    """Give a client newer credentials for its server.

    Raises:
        ConfigurationError: they are another server's, or their certificate cannot be used.
    """
    known = client.configuration
    if fresh.host != known.host:
        raise ConfigurationError(f"{origin} names another server than when the factory was entered: make a new factory")
    if fresh.cert_file:
        connector: Any = client.rest_client.pool_manager.connector
        try:
            connector._ssl.load_cert_chain(fresh.cert_file, fresh.key_file)  # noqa: SLF001  # shown from now on
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the client certificate of {origin} cannot be used: {error}") from error
        known.cert_file, known.key_file = fresh.cert_file, fresh.key_file
    known.api_key = fresh.api_key
