from __future__ import annotations

import base64
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from aioinformer.testing.control_plane_binaries import Binaries
from aioinformer.testing.control_plane_site import (
    Site,
    api_server_command,
    controller_manager_command,
    etcd_command,
    free_ports,
    service_account_key,
)

BINARIES = Binaries(etcd=Path("/b/etcd"), kube_apiserver=Path("/b/kube-apiserver"), kubectl=Path("/b/kubectl"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, api_port=6443, etcd_port=2379)


def test_free_ports_are_distinct_and_can_be_bound() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_tokens_are_secret_and_differ(site: Site) -> None:
    assert site.token != site.powerless_token
    assert site.token not in repr(site)
    assert site.powerless_token not in repr(site)


def test_the_token_file_knows_an_administrator_and_a_user_without_groups(site: Site) -> None:
    site.write_credentials()
    admin, powerless = site.token_file.read_text().splitlines()
    assert admin == f'{site.token},admin,admin,"system:masters"'
    assert powerless == f"{site.powerless_token},powerless,powerless"


def test_a_new_token_is_in_both_files_and_the_old_one_in_none(site: Site) -> None:
    site.write_credentials()
    rotated = replace(site, token="another")
    rotated.write_tokens()
    assert site.bearer_file.read_text() == "another\n"
    assert site.token_file.read_text().startswith("another,admin,")
    assert site.token not in site.token_file.read_text()


def test_a_certificate_goes_where_the_server_looks_and_without_one_there_is_none(site: Site, tmp_path: Path) -> None:
    """kube-apiserver makes itself a certificate where it finds none."""
    site.ca_file.parent.mkdir()
    for name in ("given.crt", "given.key"):
        (tmp_path / name).write_text(name)
    site.write_certificate(tmp_path / "given.crt", tmp_path / "given.key")
    assert (site.ca_file.read_text(), site.serving_key.read_text()) == ("given.crt", "given.key")
    site.write_certificate(None, None)
    assert list(site.ca_file.parent.iterdir()) == []


def test_the_service_account_key_is_a_fresh_private_key() -> None:
    first, second = service_account_key(), service_account_key()
    assert first != second
    header, *body, footer = first.splitlines()
    assert (header, footer) == ("-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----")
    der = base64.b64decode("".join(body))
    assert der[:2] == bytes([0x30, len(der) - 2])


def test_a_kubeconfig_names_server_authority_and_token(site: Site) -> None:
    written = json.loads(site.write_kubeconfig("someone", {"token": "some-token"}).read_text())
    assert written["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:6443",
        "certificate-authority": str(site.ca_file),
    }
    assert written["users"][0]["user"] == {"token": "some-token"}


def test_everything_listens_on_loopback_only(site: Site) -> None:
    etcd = etcd_command(BINARIES, site)
    assert "--listen-client-urls=http://127.0.0.1:2379" in etcd
    assert "--listen-peer-urls=http://127.0.0.1:0" in etcd
    assert "--bind-address=127.0.0.1" in api_server_command(BINARIES, site, all_apis=False, flags=())
    assert "--secure-port=0" in controller_manager_command(Path("/b/kcm"), Path("/kubeconfig"))


def test_all_apis_are_served_only_on_request(site: Site) -> None:
    assert "--runtime-config=api/all=true" not in api_server_command(BINARIES, site, all_apis=False, flags=())
    assert "--runtime-config=api/all=true" in api_server_command(BINARIES, site, all_apis=True, flags=())


def test_the_callers_flags_come_last(site: Site) -> None:
    """The last of several flags of one name is the one that kube-apiserver obeys."""
    command = api_server_command(BINARIES, site, all_apis=True, flags=["--v=4"])
    assert command[-1] == "--v=4"
