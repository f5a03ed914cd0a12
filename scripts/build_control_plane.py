"""Build etcd, kube-apiserver, kube-controller-manager, kubectl and toxiproxy-server from pinned Go modules.

The control plane lands in ``${XDG_CACHE_HOME:-~/.cache}/aioinformer/control-plane/<version>-<hash>/`` and Toxiproxy
beside it, in ``toxiproxy-<version>-<hash>/``. Each ``<hash>`` covers the go.mod and go.sum of what the directory holds,
so neither is built again on account of the other. The last line printed is the control plane's directory. A second run
returns at once. With ``KUBEBUILDER_ASSETS`` set nothing is built: the binaries are looked for there instead.

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
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parent.parent / "control-plane"
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
# An envtest bundle has no controller manager, and most tests need none.
ENVTEST_BINARIES = ("etcd", "kube-apiserver", "kubectl")
SUFFIX = ".exe" if os.name == "nt" else ""


class BuildError(Exception):
    """The control plane cannot be built; the message says what is missing and what to do."""


class GoMissingError(BuildError):
    """There is no Go, or none new enough. `make control-plane` then gets one from the package index."""


class Bundle(NamedTuple):
    """What is built and cached in one directory: ``modules`` under ``control-plane/``, named after one dependency.

    The last of the modules pins ``named_after``.
    """

    modules: tuple[str, ...]
    named_after: str
    prefix: str = ""


CONTROL_PLANE = Bundle(("etcd", "kubernetes"), "k8s.io/kubernetes")
TOXIPROXY = Bundle(("toxiproxy",), "github.com/Shopify/toxiproxy/v2", prefix="toxiproxy-")
BUNDLES = (TOXIPROXY, CONTROL_PLANE)


def pinned_version(bundle: Bundle = CONTROL_PLANE, sources: Path = SOURCES) -> str:
    """The version of what the bundle is named after, such as ``v1.37.2``."""
    module = sources / bundle.modules[-1] / "go.mod"
    wanted = re.escape(bundle.named_after)
    pattern = rf"^(?:require)?\s*{wanted} (v\d+\.\d+\.\d+\S*)"
    match = re.search(pattern, module.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise BuildError(f"{module} does not pin {bundle.named_after}")
    return str(match[1])


def required_go(sources: Path = SOURCES) -> str:
    """The newest ``go`` line among the modules, such as ``1.26.0``."""
    lines: list[str] = [
        found
        for bundle in BUNDLES
        for module in bundle.modules
        for found in re.findall(r"^go (\S+)", (sources / module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return max(lines, key=version_key)


def version_key(version: str) -> tuple[int, ...]:
    """Order ``1.26.8``, ``go1.26`` and ``v1.37.2`` by their numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def source_hash(bundle: Bundle = CONTROL_PLANE, sources: Path = SOURCES) -> str:
    """Ten hex digits that change when any of the bundle's pinned modules does."""
    digest = hashlib.sha256()
    for module in bundle.modules:
        for name in ("go.mod", "go.sum"):
            # Git may check these out with CRLF; the modules are the same.
            digest.update((sources / module / name).read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:10]


def cache_root() -> Path:
    """The directory that holds one directory per built version."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aioinformer" / "control-plane"


def target_directory(bundle: Bundle = CONTROL_PLANE, sources: Path = SOURCES) -> Path:
    """Where the bundle's binaries go."""
    return cache_root() / f"{bundle.prefix}{pinned_version(bundle, sources)}-{source_hash(bundle, sources)}"


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


def build_arguments(module: str, directory: Path, sources: Path = SOURCES) -> list[str]:
    """What ``go build`` takes to put a module's binaries into ``directory``."""
    if module == "kubernetes":
        flags, output = linker_flags(pinned_version(CONTROL_PLANE, sources)), f"{directory}{os.sep}"
        packages = [
            f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager", "kubectl")
        ]
    else:
        name, package = {
            "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
            "toxiproxy": ("toxiproxy-server", "github.com/Shopify/toxiproxy/v2/cmd/server"),
        }[module]
        flags, output, packages = "-s -w", str(directory / f"{name}{SUFFIX}"), [package]
    return ["-ldflags", flags, "-o", output, *packages]


def compile_into(directory: Path, bundle: Bundle, go: str, sources: Path = SOURCES) -> None:
    """Run the bundle's builds; the control plane takes 5 to 10 minutes on two cores, seconds with warm caches."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    for module in bundle.modules:
        started = time.monotonic()
        print(f"building {module} (minutes when nothing is cached) ...", flush=True)
        built = subprocess.run(
            [go, "build", "-trimpath", "-buildvcs=false", *build_arguments(module, directory, sources)],
            cwd=sources / module,
            env=environment,
            check=False,
        )
        if built.returncode != 0:
            raise BuildError(f"`go build` failed in {sources / module}; its output is above.")
        print(f"built {module} in {time.monotonic() - started:.0f} s", flush=True)


def build(bundle: Bundle = CONTROL_PLANE, sources: Path = SOURCES) -> Path:
    """The directory of the bundle's binaries, built now if it is not there yet.

    Atomic: a build that fails or is interrupted leaves no directory behind that looks whole, and
    of two builds at once the first to finish wins.
    """
    target = target_directory(bundle, sources)
    if target.is_dir():
        return target
    go = check_go(sources)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent, ignore_cleanup_errors=True) as name:
        staged = Path(name) / "bin"
        staged.mkdir()
        compile_into(staged, bundle, go, sources)
        try:
            staged.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target


def build_all() -> Path:
    """Build every bundle; the control plane's directory."""
    build(TOXIPROXY)
    return build(CONTROL_PLANE)


def main() -> int:
    """Build or verify, print the control plane's directory, and return the exit status: 2 if it is only for want of Go."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    try:
        directory = verified_assets(Path(assets)) if assets else build_all()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, GoMissingError) else 1
    print(directory)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
