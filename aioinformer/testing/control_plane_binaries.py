"""Finding the executables of a real control plane.

ControlPlaneError (RuntimeError)
└── ControlPlaneUnavailable    no binaries on this machine
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_SUFFIX = ".exe" if os.name == "nt" else ""
_VERSION_DIRECTORY = re.compile(r"v(\d+)\.(\d+)\.(\d+)-[0-9a-f]+")
_TOXIPROXY_DIRECTORY = re.compile(r"toxiproxy-v(\d+)\.(\d+)\.(\d+)-[0-9a-f]+")
_ADVICE = "Run `make control-plane` to build them, or set KUBEBUILDER_ASSETS to a directory made by setup-envtest."


class ControlPlaneError(RuntimeError):
    """A control plane did not start, died, or refused a command."""


class ControlPlaneUnavailable(ControlPlaneError):
    """This machine has no (complete) control plane binaries; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Absolute paths of one set of executables.

    ``kube_controller_manager`` is None in an envtest bundle, which never has one. ``toxiproxy_server`` is no part of a
    control plane: it stands between one and its clients, and is None where ``make control-plane`` has not built it.
    """

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    kube_controller_manager: Path | None = None
    toxiproxy_server: Path | None = None


def cache_root() -> Path:
    """Where ``make control-plane`` puts its builds, one directory per version."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aioinformer" / "control-plane"


def find_binaries() -> Binaries | None:
    """The binaries in ``KUBEBUILDER_ASSETS``, else the newest version built into the cache, else None.

    Of two builds of one version the later one wins. A set ``KUBEBUILDER_ASSETS`` is never silently
    passed over: an incomplete one raises `ControlPlaneUnavailable`.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        return _from_assets(Path(assets).absolute())
    for directory in _newest_first(cache_root(), _VERSION_DIRECTORY):
        if not _missing(directory):
            return _binaries_in(directory)
    return None


def require_binaries(*, controllers: bool = False, toxiproxy: bool = False) -> Binaries:
    """`find_binaries`, or `ControlPlaneUnavailable` with a message that says what to do.

    With ``controllers`` a set without kube-controller-manager counts as unavailable, too, and with ``toxiproxy`` one
    without toxiproxy-server.
    """
    found = find_binaries()
    if found is None:
        raise ControlPlaneUnavailable(f"No control plane binaries under {cache_root()}. {_ADVICE}")
    if controllers and found.kube_controller_manager is None:
        raise ControlPlaneUnavailable(
            f"{found.etcd.parent} has no kube-controller-manager (envtest bundles never do). "
            "Unset KUBEBUILDER_ASSETS and run `make control-plane`."
        )
    if toxiproxy and found.toxiproxy_server is None:
        raise ControlPlaneUnavailable(
            f"No toxiproxy-server in {found.etcd.parent} or under {cache_root()}. Run `make control-plane` without "
            "KUBEBUILDER_ASSETS to build it."
        )
    return found


def control_plane_required() -> bool:
    """Whether a missing control plane must fail tests rather than skip them.

    True when ``AIOINFORMER_REQUIRE_CONTROL_PLANE`` is ``1``, as in CI, where a skipped suite would
    look like a passed one.
    """
    return os.environ.get("AIOINFORMER_REQUIRE_CONTROL_PLANE") == "1"


def _from_assets(directory: Path) -> Binaries:
    missing = _missing(directory)
    if missing:
        raise ControlPlaneUnavailable(f"KUBEBUILDER_ASSETS={directory} lacks {', '.join(missing)}. {_ADVICE}")
    return _binaries_in(directory)


def _newest_first(root: Path, named: re.Pattern[str]) -> list[Path]:
    ranked: list[tuple[tuple[int, ...], int, Path]] = []
    for directory in root.iterdir() if root.is_dir() else ():
        version = named.fullmatch(directory.name)
        if version is not None:
            numbers = tuple(int(number) for number in version.groups())
            ranked.append((numbers, directory.stat().st_mtime_ns, directory))
    return [directory for _, _, directory in sorted(ranked, reverse=True)]


def _missing(directory: Path) -> list[str]:
    return [name for name in ("etcd", "kube-apiserver", "kubectl") if not _executable(directory, name).is_file()]


def _binaries_in(directory: Path) -> Binaries:
    controllers = _executable(directory, "kube-controller-manager")
    return Binaries(
        etcd=_executable(directory, "etcd"),
        kube_apiserver=_executable(directory, "kube-apiserver"),
        kubectl=_executable(directory, "kubectl"),
        kube_controller_manager=controllers if controllers.is_file() else None,
        toxiproxy_server=_toxiproxy_server(directory),
    )


def _toxiproxy_server(directory: Path) -> Path | None:
    """The one beside the control plane's own binaries, else the newest that was built into the cache."""
    directories = [directory, *_newest_first(cache_root(), _TOXIPROXY_DIRECTORY)]
    candidates = [_executable(place, "toxiproxy-server") for place in directories]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _executable(directory: Path, name: str) -> Path:
    return directory / f"{name}{_SUFFIX}"
