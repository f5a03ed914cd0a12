"""A certificate authority made for one run, and certificates it signed."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Certificates", "made_in"]

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass
class Certificates:
    """What is kept in ``home``: ``ca.crt``, and a pair of files per name that was signed."""

    home: Path

    @property
    def authority(self) -> str:
        """The file of the authority's own certificate."""
        return str(self.home / "ca.crt")

    def make_authority(self) -> None:
        self._openssl("req", "-x509", *_CURVE, "-days", "2", "-subj", "/CN=test authority",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip

    def sign(self, name: str, alternative: str, *, days: int = 2) -> tuple[str, str]:
        """Certificate and key files of somebody with this subject alternative name; with ``days=-1`` it has expired."""
        extensions = self.home / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\nbasicConstraints=CA:FALSE\n"
        )
        self._openssl("req", *_CURVE, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions.name, "-out", f"{name}.crt")  # fmt: skip
        return str(self.home / f"{name}.crt"), str(self.home / f"{name}.key")

    def server(self, alternative: str, *, days: int = 2) -> ssl.SSLContext:
        """What a server with such a certificate listens with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.sign("server", alternative, days=days))
        context.load_verify_locations(self.authority)
        return context

    def _openssl(self, *arguments: str) -> None:
        program = shutil.which("openssl")
        assert program is not None
        subprocess.run([program, *arguments], cwd=self.home, check=True, capture_output=True)  # noqa: S603  # fixed commands


def made_in(home: Path) -> Certificates:
    """Certificates kept in a directory; the test is skipped where there is no ``openssl``."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command, which makes the certificates, is not installed")
    made = Certificates(home)
    made.make_authority()
    return made
