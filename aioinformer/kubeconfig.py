# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# upstream's configuration loaders are annotated in part
"""Reading a kubeconfig: upstream's loader, where it is not discreet or careful enough mended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.kube_config import FileOrData, KubeConfigLoader, KubeConfigMerger

from aioinformer.errors import ConfigurationError
from aioinformer.exec_plugin import ExecPlugin
from aioinformer.oidc import OIDCClient

__all__ = ["Kubeconfig"]


class Kubeconfig:
    """One context of a kubeconfig: the one that is current when it is first loaded.

    Args:
        paths: one file, or several with ``os.pathsep`` between them, as in ``$KUBECONFIG``.
    """

    def __init__(self, paths: str) -> None:
        self._paths = paths
        self._context: str | None = None

    async def load(self) -> Configuration:
        """What stands there now. Runs an exec plugin; refreshes an OIDC token that has expired, and saves the new one.

        Raises:
            ConfigurationError: it cannot be read or used. The message quotes nothing that could be a credential.
        """
        configuration = Configuration()
        loader: _Loader | None = None
        try:
            merger = KubeConfigMerger(self._paths)

            def persist(_: object) -> None:  # upstream calls it with what its own saver does not take
                merger.save_changes()

            loader = _Loader(
                config_dict=merger.config,
                active_context=self._context,
                config_base_path=None,
                config_persister=persist,
            )
            await loader.load_and_set(configuration)
            self._context = loader.context
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001  # the loader raises whatever its parsers raise
            why = f"the kubeconfig {self._paths} cannot be used: {_discreetly(error, loader)}"
        else:
            return configuration
        raise ConfigurationError(why)  # from outside: what upstream raised may hold what the file says


def _discreetly(error: Exception, loader: _Loader | None) -> str:
    """What can be told of an error whose message may quote what was stumbled over, be it a token."""
    place = getattr(error, "problem_mark", None)  # YAML's
    if place is not None:
        return f"it is no YAML at line {place.line + 1}, column {place.column + 1}"
    said = str(error).partition("{")[0]  # there begins a whole user entry, token included
    if loader is not None and (isinstance(error, OSError) or said.startswith("File does not exist")):
        return f"{loader.unreadable_field()} names a file that cannot be read"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return said if isinstance(error, ConfigException) and said else type(error).__name__


class _Loader(KubeConfigLoader):
    """Upstream's loader, with ways of its own for exec plugins, OIDC and token files; the latter may end in a newline."""

    _user: Any
    _cluster: Any  # annotations that upstream lacks
    cert_file: str | None
    key_file: str | None

    @property
    def context(self) -> str:
        """The name of the context that is used."""
        context: Any = self._current_context
        return str(context["name"])

    def unreadable_field(self) -> str:
        """Which field names a file that cannot be read. Not the file: people put keys and tokens there by mistake."""
        fields: list[tuple[Any, str]] = [(self._cluster, "certificate-authority")]
        fields += [(self._user, name) for name in ("client-certificate", "client-key", "tokenFile")]
        for node, field in fields:
            if node is not None and field in node:
                path = Path(self._get_base_path(node.path)) / str(node[field])
                if not os.access(path, os.R_OK):
                    return field
        return "a field"

    def _load_user_token(self) -> bool:
        found = bool(super()._load_user_token())
        if found:
            self.token = self.token.strip()
        return found

    async def load_from_exec_plugin(self) -> bool:
        credential = await ExecPlugin.from_config(self._user["exec"].value).run()
        if "token" in credential:
            self.token = f"Bearer {credential['token']}"
        if "clientCertificateData" in credential and "clientKeyData" in credential:
            self.cert_file = _file_of(credential, "clientCertificateData")
            self.key_file = _file_of(credential, "clientKeyData")
        return True

    async def _refresh_oidc(self, provider: Any) -> None:
        config = provider["config"]
        authority = self._retrieve_oidc_cacert(provider)
        client = OIDCClient(
            issuer=str(config["idp-issuer-url"]),
            client_id=str(config["client-id"]),
            client_secret=str(config["client-secret"]),
            authority=authority.decode() if authority is not None else None,
        )
        tokens = await client.refresh(str(config["refresh-token"]))
        config.value["id-token"] = tokens.id_token
        config.value["refresh-token"] = tokens.refresh_token or config["refresh-token"]
        if self._config_persister is not None:
            self._config_persister(self._config.value)


def _file_of(credential: dict[str, Any], field: str) -> str | None:
    """A file with this content, which only this user can read, until the process ends: Python's TLS takes nothing else."""
    return FileOrData(credential, None, data_key_name=field, base64_file_content=False).as_file()
