"""The server's certificate changes under running informers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aioinformer.errors import NetworkError
from tests.faults.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from aioinformer import Informer, KubeObject
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refuses_the_certificate(informer: Informer[KubeObject]) -> bool:
    error = informer.status.last_error
    return isinstance(error, NetworkError) and "certificate verify failed" in str(error)


async def test_another_certificate_of_the_same_authority_is_accepted(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor, authority: Authority
) -> None:
    await fragile.rotate_serving_certificate(*authority.sign("first"))
    client = client_for(fragile, ca_file=authority.certificate)
    async with trial("serving certificate renewed, same authority", fragile, client=client):
        await fragile.rotate_serving_certificate(*authority.sign("second"))


async def test_a_certificate_of_a_foreign_authority_is_never_accepted_and_the_reason_told(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor, authority: Authority
) -> None:
    """Whoever answers, nothing is taken from them: the caches stand still until the right certificate is back."""
    right = authority.sign("right")
    await fragile.rotate_serving_certificate(*right)
    client = client_for(fragile, ca_file=authority.certificate)
    async with trial("serving certificate of a foreign authority", fragile, client=client) as run:
        await fragile.rotate_serving_certificate()
        await run.all(refuses_the_certificate)
        before = [informer.resource_version for informer in run.informers]
        await run.writer.writes(100)
        assert [informer.resource_version for informer in run.informers] == before
        await fragile.rotate_serving_certificate(*right)
