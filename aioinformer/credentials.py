# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# upstream's configuration loaders are annotated in part
"""The client for those who bring none: kubeconfig, else the pod's service account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, incluster_config
from kubernetes_asyncio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from aioinformer.errors import ConfigurationError

__all__ = ["default_client"]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_load_service_account: Callable[..., None] = incluster_config.load_incluster_config
DEFAULT_KUBECONFIG = "~/.kube/config"


async def default_client() -> tuple[ApiClient, Callable[[], Awaitable[None]] | None]:
    """A client from ``$KUBECONFIG`` or ``~/.kube/config``, else from the pod this runs in; and how to refresh it.

    Refreshing reads the kubeconfig again into the same configuration, which runs its exec plugin and re-reads token
    files. A service account's token is re-read by the client itself.

    Raises:
        ConfigurationError: neither is there, or what is there cannot be used; the message says what was tried.
    """
    configuration = Configuration()
    paths = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    if _exists(paths):
        await _load_kubeconfig(paths, configuration)

        async def refresh() -> None:
            await _load_kubeconfig(paths, configuration)

        return _client(configuration, f"the kubeconfig {paths}"), refresh
    try:
        _load_service_account(client_configuration=configuration)
    except ConfigException as error:
        raise ConfigurationError(
            f"no cluster to talk to: there is no kubeconfig at {paths} (set KUBECONFIG), and this is no pod with a service "
            f"account ({str(error).rstrip('.')}). Or pass a client of yours: SharedInformerFactory(api_client)"
        ) from None
    return _client(configuration, "the service account"), None


def _exists(paths: str) -> bool:
    return any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path)


async def _load_kubeconfig(paths: str, configuration: Configuration) -> None:
    try:
        merger = KubeConfigMerger(paths)

        def persist(_: object) -> None:  # upstream calls it with what its own saver does not take
            merger.save_changes()

        loader = _Loader(config_dict=merger.config, config_base_path=None, config_persister=persist)
        await loader.load_and_set(configuration)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  # the loader raises whatever its parsers raise
        raise ConfigurationError(f"the kubeconfig {paths} cannot be used: {_without_secrets(error)}") from None


def _client(configuration: Configuration, origin: str) -> ApiClient:
    try:
        return ApiClient(configuration)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(f"the certificates or key of {origin} cannot be used: {error}") from error


def _without_secrets(error: Exception) -> str:
    """Upstream's messages may quote a whole user entry, token included, as a dict: what comes before is safe."""
    return str(error).partition("{")[0] or type(error).__name__


class _Loader(KubeConfigLoader):
    """Upstream's loader, but for two things.

    It refuses to send a refresh token over an unverified connection, which upstream does without an IdP CA; and it
    takes a token file that ends in a newline, as client-go does.
    """

    def _load_user_token(self) -> bool:
        found = bool(super()._load_user_token())
        if found:
            self.token = self.token.strip()
        return found

    async def _refresh_oidc(self, provider: Any) -> None:
        if self._retrieve_oidc_cacert(provider) is None:
            raise ConfigurationError(
                "the kubeconfig's OIDC token has expired, and without idp-certificate-authority-data the refresh would send "
                "the refresh token over an unverified connection: set it, or use an exec plugin such as kubelogin"
            )
        await super()._refresh_oidc(provider)
