"""A certificate authority made for one test, and the serving certificates it signs; needs the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from aioinformer.testing.control_plane import control_plane_required

if TYPE_CHECKING:
    from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """Signs for 127.0.0.1. Skips the test where there is no openssl, unless a real control plane is required."""

    def __init__(self, directory: Path) -> None:
        self._openssl = shutil.which("openssl")
        if self._openssl is None:
            (pytest.fail if control_plane_required() else pytest.skip)("the openssl command is not installed")
        self._directory = directory
        self.certificate = directory / "ca.crt"
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "2")
        self._run("req", "-x509", *KEY, *usage, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")

    def sign(self, name: str) -> tuple[Path, Path]:
        """Files of a new serving certificate, followed by the authority's, and of its key."""
        certificate, key, extensions = (self._directory / f"{name}.{suffix}" for suffix in ("crt", "key", "ext"))
        extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        self._run("req", *KEY, "-subj", f"/CN={name}", "-keyout", key.name, "-out", f"{name}.csr")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", extensions.name)
        self._run("x509", "-req", "-in", f"{name}.csr", *signed, "-out", certificate.name)
        certificate.write_bytes(certificate.read_bytes() + self.certificate.read_bytes())
        return certificate, key

    def _run(self, *arguments: str) -> None:
        subprocess.run([str(self._openssl), *arguments], cwd=self._directory, check=True, capture_output=True)  # noqa: S603  # fixed commands
