"""Whom a connection trusts, and what it shows of itself."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from aioinformer.errors import NetworkError
from aioinformer.transport import (
    Transport,
)
from tests.security.certificates import Certificates, made_in

if TYPE_CHECKING:
    from tests.conftest import ClientOf, Serve

from tests.test_transport_identity import PATH, empty_list


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_in(tmp_path_factory.mktemp("certificates"))


class TestTLS:
    async def test_the_server_is_verified_with_the_clients_authority(
        self, serve: Serve, client_of: ClientOf, certificates: Certificates
    ) -> None:
        url = await serve(empty_list, tls=certificates.server("IP:127.0.0.1"))
        async with Transport(client_of(url, ssl_ca_cert=certificates.authority)) as transport:
            assert await transport.read(PATH)
        async with Transport(client_of(url)) as transport:
            with pytest.raises(NetworkError, match="certificate verify failed"):
                await transport.read(PATH)

    async def test_verification_is_off_where_the_client_has_it_off(
        self, serve: Serve, client_of: ClientOf, certificates: Certificates
    ) -> None:
        url = await serve(empty_list, tls=certificates.server("DNS:elsewhere.invalid"))
        async with Transport(client_of(url, verify_ssl=False)) as transport:
            assert await transport.read(PATH)

    async def test_the_clients_tls_server_name_is_asked_for_and_verified(
        self, serve: Serve, client_of: ClientOf, certificates: Certificates
    ) -> None:
        context, asked = certificates.server("DNS:kubernetes.invalid"), list[str | None]()
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        url = await serve(empty_list, tls=context)
        authority = certificates.authority
        named = client_of(url, ssl_ca_cert=authority, tls_server_name="kubernetes.invalid")
        async with Transport(named) as transport:
            assert await transport.read(PATH)
        assert asked == ["kubernetes.invalid"]
        async with Transport(client_of(url, ssl_ca_cert=authority)) as transport:
            with pytest.raises(NetworkError, match="certificate"):
                await transport.read(PATH)

    async def test_the_clients_certificate_is_shown(
        self, serve: Serve, client_of: ClientOf, certificates: Certificates
    ) -> None:
        context = certificates.server("IP:127.0.0.1")
        context.verify_mode = ssl.CERT_REQUIRED
        url = await serve(empty_list, tls=context)
        certificate, key = certificates.sign("somebody", "DNS:somebody.invalid")
        identified = client_of(url, ssl_ca_cert=certificates.authority, cert_file=certificate, key_file=key)
        async with Transport(identified) as transport:
            assert await transport.read(PATH)
        async with Transport(client_of(url, ssl_ca_cert=certificates.authority)) as transport:
            with pytest.raises(NetworkError):
                await transport.read(PATH)
