"""Build etcd, kube-apiserver, kube-controller-manager and kubectl from pinned Go modules.

The binaries land in ``${XDG_CACHE_HOME:-~/.cache}/aioinformer/control-plane/<version>-<hash>/``,
where ``<hash>`` covers every go.mod and go.sum under ``control-plane/``. The last line printed is
that directory. A second run returns at once. With ``KUBEBUILDER_ASSETS`` set nothing is built: the
binaries are looked for there instead.

Nothing outside the standard library is imported: this runs before the project is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "control-plane"
MODULES = ("etcd", "kubernetes")
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
# An envtest bundle has no controller manager, and most tests need none.
ENVTEST_BINARIES = ("etcd", "kube-apiserver", "kubectl")
SUFFIX = ".exe" if os.name == "nt" else ""


class BuildError(Exception):
    """The control plane cannot be built; the message says what is missing and what to do."""


class GoMissingError(BuildError):
    """There is no Go, or none new enough. `make control-plane` then gets one from the package index."""


def kubernetes_version(sources: Path = SOURCES) -> str:
    """The pinned Kubernetes version, such as ``v1.37.2``."""
    text = (sources / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    match = re.search(r"^(?:require)?\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+\S*)", text, re.MULTILINE)
    if match is None:
        raise BuildError(f"{sources}/kubernetes/go.mod does not pin k8s.io/kubernetes")
    return str(match[1])


def required_go(sources: Path = SOURCES) -> str:
    """The newest ``go`` line among the modules, such as ``1.26.0``."""
    lines: list[str] = [
        found
        for module in MODULES
        for found in re.findall(r"^go (\S+)", (sources / module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return max(lines, key=version_key)


def version_key(version: str) -> tuple[int, ...]:
    """Order ``1.26.8``, ``go1.26`` and ``v1.37.2`` by their numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def source_hash(sources: Path = SOURCES) -> str:
    """Ten hex digits that change when any pinned module does."""
    digest = hashlib.sha256()
    for module in MODULES:
        for name in ("go.mod", "go.sum"):
            # Git may check these out with CRLF; the modules are the same.
            digest.update((sources / module / name).read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:10]


def cache_root() -> Path:
    """The directory that holds one directory per built version."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aioinformer" / "control-plane"


def target_directory(sources: Path = SOURCES) -> Path:
    """Where the binaries of these sources go."""
    return cache_root() / f"{kubernetes_version(sources)}-{source_hash(sources)}"


def verified_assets(directory: Path) -> Path:
    """``directory``, if it holds what an envtest bundle holds; raises `BuildError` otherwise."""
    missing = [name for name in ENVTEST_BINARIES if not (directory / (name + SUFFIX)).is_file()]
    if missing:
        raise BuildError(
            f"KUBEBUILDER_ASSETS={directory} lacks {', '.join(missing)}. Point it at a directory "
            "made by setup-envtest, or unset it to build the control plane from source."
        )
    return directory


def check_go(sources: Path = SOURCES) -> str:
    """The path of a Go new enough for the modules; raises `BuildError` otherwise."""
    needed = required_go(sources)
    advice = (
        f"Install Go {needed} or newer (https://go.dev/dl or your system's golang package), or set "
        "KUBEBUILDER_ASSETS to a directory with " + ", ".join(ENVTEST_BINARIES) + "."
    )
    go = shutil.which("go")
    if go is None:
        raise GoMissingError(f"Building the control plane needs Go, and there is none on PATH. {advice}")
    # Asked inside a module, Go 1.21+ answers with the toolchain GOTOOLCHAIN lets it switch to.
    asked = subprocess.run(
        [go, "env", "GOVERSION"],
        cwd=sources / "kubernetes",
        capture_output=True,
        text=True,
        check=False,
    )
    found = asked.stdout.strip()
    if asked.returncode != 0 or version_key(found) < version_key(needed):
        said = asked.stderr.strip() or found or "no version"
        raise GoMissingError(f"Go at {go} is too old for the control plane ({said}). {advice}")
    return go


def linker_flags(version: str) -> str:
    """Stamp ``version``: kubectl and kube-apiserver refuse to work together unstamped."""
    major, minor, _ = version_key(version)
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = [f"-X {package}.{name}={value}" for package in VERSION_PACKAGES for name, value in stamps.items()]
    return " ".join(["-s -w", *flags])


def compile_into(directory: Path, go: str, sources: Path = SOURCES) -> None:
    """Run both builds; 5 to 10 minutes on two cores with cold caches, seconds with warm ones."""
    commands = {
        "etcd": ["-ldflags", "-s -w", "-o", str(directory / f"etcd{SUFFIX}"), "go.etcd.io/etcd/server/v3"],
        "kubernetes": [
            *("-ldflags", linker_flags(kubernetes_version(sources)), "-o", str(directory) + os.sep),
            *(f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager", "kubectl")),
        ],
    }
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    for module, arguments in commands.items():
        started = time.monotonic()
        print(f"building {module} (minutes when nothing is cached) ...", flush=True)
        built = subprocess.run(
            [go, "build", "-trimpath", "-buildvcs=false", *arguments],
            cwd=sources / module,
            env=environment,
            check=False,
        )
        if built.returncode != 0:
            raise BuildError(f"`go build` failed in {sources / module}; its output is above.")
        print(f"built {module} in {time.monotonic() - started:.0f} s", flush=True)


def build(sources: Path = SOURCES) -> Path:
    """The directory of built binaries, built now if it is not there yet.

    Atomic: a build that fails or is interrupted leaves no directory behind that looks whole, and
    of two builds at once the first to finish wins.
    """
    target = target_directory(sources)
    if target.is_dir():
        return target
    go = check_go(sources)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent, ignore_cleanup_errors=True) as name:
        staged = Path(name) / "bin"
        staged.mkdir()
        compile_into(staged, go, sources)
        try:
            staged.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target


def main() -> int:
    """Build or verify, print the directory, and return the exit status: 2 if it is only for want of Go."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    try:
        directory = verified_assets(Path(assets)) if assets else build()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, GoMissingError) else 1
    print(directory)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
