from __future__ import annotations

import os
from pathlib import Path

import pytest

from aioinformer.testing.control_plane_binaries import (
    ControlPlaneError,
    ControlPlaneUnavailable,
    cache_root,
    control_plane_required,
    find_binaries,
    require_binaries,
)

ENVTEST = ("etcd", "kube-apiserver", "kubectl")
EVERYTHING = (*ENVTEST, "kube-controller-manager")
SUFFIX = ".exe" if os.name == "nt" else ""


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "aioinformer" / "control-plane"


def fill(directory: Path, names: tuple[str, ...] = EVERYTHING) -> Path:
    directory.mkdir(parents=True)
    for name in names:
        (directory / f"{name}{SUFFIX}").touch()
    return directory


def test_cache_root_is_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    assert cache_root() == root
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "aioinformer" / "control-plane"


def test_nothing_built_is_none_and_the_requirement_says_what_to_do(root: Path) -> None:
    assert find_binaries() is None
    with pytest.raises(ControlPlaneUnavailable, match="Run `make control-plane`") as caught:
        require_binaries()
    assert str(root) in str(caught.value)
    assert isinstance(caught.value, ControlPlaneError)


def test_the_newest_version_wins_by_its_numbers(root: Path) -> None:
    fill(root / "v1.9.9-aaaa")
    newest = fill(root / "v1.37.10-bbbb")
    fill(root / "v1.37.2-cccc")
    assert require_binaries(controllers=True).kube_apiserver == newest / f"kube-apiserver{SUFFIX}"


def test_the_later_build_of_one_version_wins(root: Path) -> None:
    later, earlier = fill(root / "v1.37.2-aaaa"), fill(root / "v1.37.2-bbbb")
    os.utime(earlier, (1, 1))
    found = find_binaries()
    assert found is not None
    assert found.etcd.parent == later


def test_incomplete_and_foreign_directories_are_passed_over(root: Path) -> None:
    whole = fill(root / "v1.36.0-aaaa")
    fill(root / "v1.37.2-aaaa", names=("etcd",))
    fill(root / ".building-x" / "bin")
    fill(root / "notes")
    assert require_binaries().kubectl.parent == whole


def test_kubebuilder_assets_come_before_the_cache(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> None:
    """An envtest bundle is preferred, and lacks only the controller manager."""
    fill(root / "v1.37.2-aaaa")
    assets = fill(tmp_path / "assets", names=ENVTEST)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = require_binaries()
    assert found.etcd.parent == assets
    assert found.kube_controller_manager is None
    with pytest.raises(ControlPlaneUnavailable, match="no kube-controller-manager"):
        require_binaries(controllers=True)


def test_incomplete_kubebuilder_assets_are_an_error_and_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    fill(root / "v1.37.2-aaaa")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(fill(tmp_path / "assets", names=("etcd",))))
    with pytest.raises(ControlPlaneUnavailable, match="lacks kube-apiserver, kubectl"):
        find_binaries()


def test_toxiproxy_is_found_in_a_directory_of_its_own_and_missed_only_by_those_who_need_it(root: Path) -> None:
    fill(root / "v1.37.2-aaaa")
    assert require_binaries().toxiproxy_server is None
    with pytest.raises(ControlPlaneUnavailable, match=r"No toxiproxy-server.*make control-plane"):
        require_binaries(toxiproxy=True)
    fill(root / "toxiproxy-v2.9.0-aaaa", names=("toxiproxy-server",))
    newest = fill(root / "toxiproxy-v2.12.0-aaaa", names=("toxiproxy-server",))
    assert require_binaries(toxiproxy=True).toxiproxy_server == newest / f"toxiproxy-server{SUFFIX}"


def test_a_toxiproxy_among_the_kubebuilder_assets_comes_first(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    fill(root / "toxiproxy-v2.12.0-aaaa", names=("toxiproxy-server",))
    assets = fill(tmp_path / "assets", names=(*ENVTEST, "toxiproxy-server"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert require_binaries(toxiproxy=True).toxiproxy_server == assets / f"toxiproxy-server{SUFFIX}"


@pytest.mark.parametrize(("value", "required"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_only_1_makes_the_control_plane_a_requirement(
    monkeypatch: pytest.MonkeyPatch, value: str | None, *, required: bool
) -> None:
    monkeypatch.delenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", raising=False)
    if value is not None:
        monkeypatch.setenv("AIOINFORMER_REQUIRE_CONTROL_PLANE", value)
    assert control_plane_required() is required
