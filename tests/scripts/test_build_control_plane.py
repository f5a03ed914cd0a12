from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aioinformer.testing import control_plane_binaries

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "build_control_plane.py"
EVERYTHING = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
MODULES = {"etcd", "kubernetes", "toxiproxy"}
posix_only = pytest.mark.skipif(os.name == "nt", reason="the fake Go is a shell script")

# Answers `go env GOVERSION`, and `go build -o` by making the files that were asked for.
FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "${{PWD##*/}}" >> {log}
while [ "$1" != -o ]; do shift; done
case $2 in
    */) for package in "$@"; do case $package in k8s.io/*) touch "$2${{package##*/}}";; esac; done;;
    *) touch "$2";;
esac
exit {status}
"""


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_control_plane", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def install_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str = "go9.9.9", status: int = 0) -> Path:
    """Put a fake Go on PATH; returns the file in which it notes the modules it builds."""
    directory, log = tmp_path / "go-bin", tmp_path / "builds"
    directory.mkdir()
    go = directory / "go"
    go.write_text(FAKE_GO.format(version=version, log=log, status=status))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return log


def test_the_pinned_versions_are_read_from_the_modules(script: ModuleType) -> None:
    assert script.pinned_version().startswith("v1.37.")
    assert script.pinned_version(script.TOXIPROXY).startswith("v2.")
    assert script.version_key(script.required_go()) >= (1, 26)


def test_builds_land_where_the_library_looks(script: ModuleType) -> None:
    assert script.cache_root() == control_plane_binaries.cache_root()
    assert script.target_directory().name == f"{script.pinned_version()}-{script.source_hash()}"
    assert script.target_directory(script.TOXIPROXY).name.startswith("toxiproxy-v2.")


def test_the_linker_stamps_the_version_for_both_readers(script: ModuleType) -> None:
    flags = script.linker_flags("v1.37.2")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.37.2" in flags
        assert f"-X {package}.gitMinor=37" in flags


def test_missing_go_says_what_to_install(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert script.main() == 2
    said = capsys.readouterr().err
    assert "needs Go, and there is none on PATH" in said
    assert f"Install Go {script.required_go()}" in said
    assert "KUBEBUILDER_ASSETS" in said


@posix_only
def test_old_go_is_told_with_its_version(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_go(monkeypatch, tmp_path, version="go1.19.8")
    assert script.main() == 2
    said = capsys.readouterr().err
    assert "too old" in said
    assert "go1.19.8" in said


@posix_only
def test_a_build_is_found_by_the_library_and_done_once(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = install_go(monkeypatch, tmp_path)
    assert script.main() == 0
    directory = Path(capsys.readouterr().out.splitlines()[-1])
    assert {path.name for path in directory.iterdir()} == set(EVERYTHING)
    found = control_plane_binaries.require_binaries(controllers=True, toxiproxy=True)
    assert found.etcd.parent == directory
    assert found.toxiproxy_server == script.target_directory(script.TOXIPROXY) / f"toxiproxy-server{script.SUFFIX}"
    assert script.main() == 0
    assert capsys.readouterr().out == f"{directory}\n"
    assert sorted(builds.read_text().split()) == sorted(MODULES)


@posix_only
@pytest.mark.parametrize(
    ("bundle", "modules"), [("TOXIPROXY", ["toxiproxy"]), ("CONTROL_PLANE", ["etcd", "kubernetes"])]
)
def test_what_is_missing_is_built_without_the_rest(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: str, modules: list[str]
) -> None:
    builds = install_go(monkeypatch, tmp_path)
    for there in script.BUNDLES:
        if there is not getattr(script, bundle):
            script.target_directory(there).mkdir(parents=True)
    assert script.main() == 0
    assert builds.read_text().split() == modules


@posix_only
def test_a_failed_build_leaves_nothing_behind(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_go(monkeypatch, tmp_path, status=1)
    assert script.main() == 1
    assert "`go build` failed" in capsys.readouterr().err
    assert list(script.cache_root().iterdir()) == []


@posix_only
def test_of_two_builds_at_once_the_first_to_finish_wins(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_go(monkeypatch, tmp_path)
    compile_into = script.compile_into

    def compile_while_another_finishes(directory: Path, bundle: object, go: str, sources: Path) -> None:
        compile_into(directory, bundle, go, sources)
        script.target_directory().mkdir()
        (script.target_directory() / "theirs").touch()

    monkeypatch.setattr(script, "compile_into", compile_while_another_finishes)
    directory = script.build()
    assert [path.name for path in directory.iterdir()] == ["theirs"]
    assert [path.name for path in script.cache_root().iterdir()] == [directory.name]


def test_kubebuilder_assets_are_used_instead_of_a_build(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / f"{name}{script.SUFFIX}").touch()
    assert script.main() == 1
    assert "lacks kubectl" in capsys.readouterr().err
    (tmp_path / f"kubectl{script.SUFFIX}").touch()
    assert script.main() == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"
