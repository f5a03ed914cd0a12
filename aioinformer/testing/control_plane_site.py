"""What one control plane needs on disk and on its command lines: ports, keys, tokens, kubeconfigs, flags."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aioinformer.testing.control_plane_binaries import Binaries

_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "job-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Site:
    """A directory and two loopback ports; everything else follows from them.

    ``token`` is an administrator's (group system:masters), ``powerless_token`` a user's who may do
    nothing: every request with it is answered 403.
    """

    directory: Path
    api_port: int
    etcd_port: int
    token: str = field(default_factory=secrets.token_hex, repr=False)
    powerless_token: str = field(default_factory=secrets.token_hex, repr=False)

    @property
    def url(self) -> str:
        """The API server's base URL."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def etcd_url(self) -> str:
        """The base URL of etcd's client port and its JSON gateway."""
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate kube-apiserver serves, followed by the authority that signed it; made by itself unless given."""
        return self.directory / "certs" / "apiserver.crt"

    @property
    def serving_key(self) -> Path:
        """The private key of the certificate in `ca_file`."""
        return self.ca_file.with_suffix(".key")

    @property
    def service_account_key(self) -> Path:
        """The private key that signs service account tokens."""
        return self.directory / "service-account.key"

    @property
    def token_file(self) -> Path:
        """The users kube-apiserver knows, as CSV."""
        return self.directory / "tokens.csv"

    @property
    def bearer_file(self) -> Path:
        """The administrator's token alone, for whoever reads tokens from files."""
        return self.directory / "token"

    def write_credentials(self) -> None:
        """Write the tokens and the service account key that kube-apiserver reads at its start."""
        self.write_tokens()
        self.service_account_key.write_text(service_account_key(), encoding="ascii")

    def write_tokens(self) -> None:
        """Write both token files; nobody sees half of one."""
        users = f'{self.token},admin,admin,"system:masters"\n{self.powerless_token},powerless,powerless\n'
        for path, content in ((self.token_file, users), (self.bearer_file, f"{self.token}\n")):
            written = path.with_suffix(".new")
            written.write_text(content, encoding="utf-8")
            written.replace(path)

    def write_certificate(self, certificate: Path | None, key: Path | None) -> None:
        """Put a certificate and its key where kube-apiserver looks at its start; without them it will make its own."""
        for given, path in ((certificate, self.ca_file), (key, self.serving_key)):
            path.unlink(missing_ok=True)
            if given is not None:
                shutil.copyfile(given, path)

    def write_kubeconfig(self, name: str, user: Mapping[str, object]) -> Path:
        """Write a kubeconfig with this user entry to ``<name>.kubeconfig`` and return its path."""
        path = self.directory / f"{name}.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "plane", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": "user", "user": dict(user)}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "user"}}],
            "current-context": "plane",
        }
        # JSON is YAML: kubectl and kubernetes_asyncio both read it.
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
        return path


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports free on 127.0.0.1 a moment ago; another process may still take one."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def service_account_key() -> str:
    """A fresh P-256 private key in PEM (RFC 5915).

    The public half is optional there and Go derives it, which spares tests a cryptography package.
    """
    scalar = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    der = bytes.fromhex("30310201010420") + scalar + bytes.fromhex("a00a06082a8648ce3d030107")
    body = base64.encodebytes(der).decode("ascii")
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


def etcd_command(binaries: Binaries, site: Site) -> list[str]:
    """One member, clients on ``site.etcd_port``, no fsync: its data need not outlive the machine."""
    return [
        str(binaries.etcd),
        f"--data-dir={site.directory / 'etcd'}",
        f"--listen-client-urls={site.etcd_url}",
        f"--advertise-client-urls={site.etcd_url}",
        # A lone member talks to no peer, so any port will do.
        "--listen-peer-urls=http://127.0.0.1:0",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server_command(binaries: Binaries, site: Site, *, all_apis: bool, flags: Sequence[str]) -> list[str]:
    """RBAC, static tokens, a self-made certificate; ``flags`` come last and so win."""
    return [
        str(binaries.kube_apiserver),
        f"--etcd-servers={site.etcd_url}",
        f"--cert-dir={site.ca_file.parent}",
        "--bind-address=127.0.0.1",
        f"--secure-port={site.api_port}",
        f"--service-account-key-file={site.service_account_key}",
        f"--service-account-signing-key-file={site.service_account_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={site.token_file}",
        "--authorization-mode=RBAC",
        # Nothing issues service account tokens here, and without this Pods would be refused.
        "--disable-admission-plugins=ServiceAccount",
        "--service-cluster-ip-range=10.0.0.0/24",
        # Endpoints may not be loopback addresses.
        "--endpoint-reconciler-type=none",
        # By default SIGTERM waits a minute for open watches.
        "--shutdown-watch-termination-grace-period=1s",
        *(["--runtime-config=api/all=true"] if all_apis else []),
        *flags,
    ]


def controller_manager_command(executable: Path, kubeconfig: Path) -> list[str]:
    """Workloads, namespaces, garbage collection and service accounts; nothing that needs nodes."""
    return [
        str(executable),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
