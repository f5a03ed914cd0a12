"""Exec plugins: programs that a kubeconfig names to get credentials from (``client.authentication.k8s.io``)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from aioinformer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ExecPlugin"]

PLUGIN_TIMEOUT = 60.0
"""Seconds a plugin may take where no person sits at a terminal."""

Credential: TypeAlias = "dict[str, Any]"
"""The ``status`` of an ExecCredential."""


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    status: dict[str, Any] = {}


@dataclass(frozen=True)
class ExecPlugin:
    """A program that writes an ExecCredential to its stdout.

    What it writes to stderr goes to this process's own, as with kubectl, and into no message or log: it may be a token.
    """

    api_version: str
    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ExecPlugin:
        """The plugin that a kubeconfig's ``exec`` describes.

        Raises:
            ConfigurationError: the description is not complete.
        """
        try:
            return cls(
                str(config["apiVersion"]),
                str(config["command"]),
                tuple(map(str, config.get("args") or ())),
                {str(variable["name"]): str(variable["value"]) for variable in config.get("env") or ()},
            )
        except (KeyError, TypeError):
            why = "the kubeconfig's exec needs an apiVersion, a command, and env as a list of name and value"
        raise ConfigurationError(why)

    async def run(self) -> Credential:
        """Run it; a token or a certificate and its key are in what comes back.

        Cancelling this kills the plugin, and so does taking longer than ``PLUGIN_TIMEOUT`` seconds.

        Raises:
            ConfigurationError: it cannot be run, fails, or writes something else.
        """
        try:
            output, code = await self._output()
        except TimeoutError:
            why = f"did not end within {PLUGIN_TIMEOUT:g} s"
        except OSError as error:
            why = f"cannot be run: {error.strerror}"
        else:
            if code == 0:
                return self._credential(output)
            why = f"ended with status {code}; what it had to say is on stderr"
        raise ConfigurationError(f"the exec plugin {self.command} {why}")

    async def _output(self) -> tuple[bytes, int | None]:
        interactive = sys.stdin is not None and sys.stdin.isatty()
        asked = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": interactive}}
        process = await asyncio.create_subprocess_exec(
            self.command,
            *self.arguments,
            env={**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(None if interactive else PLUGIN_TIMEOUT):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return output, process.returncode

    def _credential(self, output: bytes) -> Credential:
        try:
            written = msgspec.json.decode(output, type=_ExecCredential)
        except (msgspec.DecodeError, UnicodeDecodeError):
            written = _ExecCredential()
        credential = written.status
        if "token" not in credential and not {"clientCertificateData", "clientKeyData"} <= credential.keys():
            raise ConfigurationError(
                f"the exec plugin {self.command} wrote no ExecCredential with a token or a certificate and key"
            )
        if written.api_version != self.api_version:
            raise ConfigurationError(f"the exec plugin {self.command} speaks another version than {self.api_version}")
        return credential
