from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from kubernetes_asyncio.config.kube_config import KubeConfigLoader

from aioinformer.errors import ConfigurationError
from aioinformer.kubeconfig import Kubeconfig
from tests.security.certificates import Certificates, made_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Serve

# upstream's loader still calls datetime.utcnow()
pytestmark = pytest.mark.filterwarnings("ignore:.*utc.*:DeprecationWarning")

EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh"}


def document(user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://cluster.invalid", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], str]:
    """Writes a kubeconfig, always to the same path."""

    def written(content: Any) -> str:
        path = tmp_path / "kubeconfig"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return written


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_in(tmp_path_factory.mktemp("certificates"))


def read(path: Any) -> tuple[str, int]:
    """What is in a file, and who may read it."""
    return Path(path).read_text(), Path(path).stat().st_mode & 0o777


async def token_in(path: str) -> str:
    configuration = await Kubeconfig(path).load()
    token: str = configuration.api_key["BearerToken"]
    return token


async def refusal(path: str) -> str:
    """What is said of a kubeconfig that cannot be used, with nothing chained to it."""
    with pytest.raises(ConfigurationError) as refused:
        await Kubeconfig(path).load()
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    return str(refused.value)


async def test_it_is_the_context_of_the_first_time_that_is_loaded_again(write: Callable[[Any], str]) -> None:
    whole = document({"token": "a"})
    whole["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "nobody"}})
    kubeconfig = Kubeconfig(write(whole))
    await kubeconfig.load()
    whole["current-context"] = "there"
    write(whole)
    assert (await kubeconfig.load()).api_key == {"BearerToken": "Bearer a"}


async def test_a_context_that_has_gone_is_an_error(write: Callable[[Any], str]) -> None:
    whole = document({"token": "a"})
    kubeconfig = Kubeconfig(write(whole))
    await kubeconfig.load()
    write(
        {**whole, "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}], "current-context": "there"}
    )
    with pytest.raises(ConfigurationError, match="here"):
        await kubeconfig.load()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("users: !canary", "line 1, column 8"),
        ("a: 1\nusers: *canary", "line 2, column 8"),
        ("canary: a: b", "line 1, column 10"),
        ("users:\n\tcanary", "line 2, column 1"),
    ],
)
async def test_what_is_no_yaml_is_told_by_its_place_alone(write: Callable[[Any], str], text: str, place: str) -> None:
    """A password may begin with what YAML takes for a tag or an alias, and its messages quote both."""
    said = await refusal(write(text))
    assert place in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("user", "cluster", "field"),
    [
        ({"tokenFile": "canary"}, {}, "tokenFile"),
        ({"client-certificate": "canary"}, {}, "client-certificate"),
        ({"client-certificate-data": "", "client-key": "Y2FuYXJ5//canary"}, {}, "client-key"),
        ({}, {"certificate-authority": "canary"}, "certificate-authority"),
    ],
)
async def test_a_file_that_is_not_there_is_told_by_its_field(
    write: Callable[[Any], str], user: dict[str, str], cluster: dict[str, str], field: str
) -> None:
    """Where a file's name belongs, people put the token or the key itself."""
    said = await refusal(write(document(user, **cluster)))
    assert f"{field} names a file that cannot be read" in said
    assert "canary" not in said


async def test_upstreams_own_words_are_kept_up_to_where_a_user_is_quoted(write: Callable[[Any], str]) -> None:
    whole = document({})
    assert "Expected key current-context" in await refusal(write({**whole, "current-context": None}))
    said = await refusal(write({**whole, "users": [{"name": "u", "token": "canary"}]}))
    assert "Expected key user in" in said
    assert "canary" not in said


async def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert "Is a directory" in await refusal(str(tmp_path))


class TestExecPlugins:
    async def test_a_token(self, write: Callable[[Any], str]) -> None:
        script = """echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}'"""
        assert await token_in(write(document({"exec": {**EXEC, "args": ["-c", script]}}))) == "Bearer t"

    async def test_a_certificate_and_key_become_files_for_this_user_alone(self, write: Callable[[Any], str]) -> None:
        credential = """{"clientCertificateData":"canary-cert","clientKeyData":"canary-key"}"""
        script = f"""echo '{{"apiVersion":"client.authentication.k8s.io/v1","status":{credential}}}'"""
        configuration = await Kubeconfig(write(document({"exec": {**EXEC, "args": ["-c", script]}}))).load()
        assert read(configuration.cert_file) == ("canary-cert", 0o600)
        assert read(configuration.key_file) == ("canary-key", 0o600)

    async def test_one_that_fails(self, write: Callable[[Any], str], capfd: pytest.CaptureFixture[str]) -> None:
        said = await refusal(write(document({"exec": {**EXEC, "args": ["-c", "echo canary >&2; exit 1"]}})))
        assert "the exec plugin /bin/sh ended with status 1" in said
        assert "canary" not in said
        assert capfd.readouterr().err == "canary\n"


class TestTokenFiles:
    async def test_a_newline_at_the_end_is_no_part_of_the_token(
        self, tmp_path: Path, write: Callable[[Any], str]
    ) -> None:
        (tmp_path / "token").write_text("first\n")
        assert await token_in(write(document({"tokenFile": "token"}))) == "Bearer first"


def identity_token(valid_for: float) -> str:
    claims = base64.b64encode(json.dumps({"exp": int(time.time() + valid_for)}).encode()).decode().rstrip("=")
    return f"header.{claims}.signature"


class TestOIDC:
    def user(self, valid_for: float, **config: str) -> dict[str, Any]:
        names = {"client-id": "i", "client-secret": "s", "idp-issuer-url": "https://idp.invalid", "refresh-token": "r"}
        config = {**names, "id-token": identity_token(valid_for), **config}
        return {"auth-provider": {"name": "oidc", "config": config}}

    async def test_a_valid_token_is_used_as_it_is(self, write: Callable[[Any], str]) -> None:
        user = self.user(3600)
        assert await token_in(write(document(user))) == f"Bearer {user['auth-provider']['config']['id-token']}"

    @pytest.mark.parametrize("refresh_token", ["next", ""])
    async def test_an_expired_one_is_refreshed_and_what_comes_is_kept(
        self, serve: Serve, write: Callable[[Any], str], certificates: Certificates, refresh_token: str
    ) -> None:
        fresh = {"id_token": identity_token(3600), "refresh_token": refresh_token}

        async def provider(request: web.Request) -> web.Response:
            return web.json_response({"token_endpoint": str(request.url), **fresh})

        url = await serve(provider, tls=certificates.server("IP:127.0.0.1"))
        authority = base64.b64encode(read(certificates.authority)[0].encode()).decode()
        path = write(document(self.user(-3600, **{"idp-issuer-url": url, "idp-certificate-authority-data": authority})))
        assert await token_in(path) == f"Bearer {fresh['id_token']}"
        kept, _ = read(path)
        assert fresh["id_token"] in kept
        assert f"refresh-token: {refresh_token or 'r'}" in kept

    async def test_without_an_authority_of_its_own_the_provider_is_verified_with_the_systems(
        self, serve: Serve, write: Callable[[Any], str], certificates: Certificates
    ) -> None:
        """Upstream would not verify it at all."""
        asked: list[web.Request] = []

        async def provider(request: web.Request) -> web.Response:
            asked.append(request)
            return web.json_response({})

        url = await serve(provider, tls=certificates.server("IP:127.0.0.1"))
        said = await refusal(write(document(self.user(-3600, **{"idp-issuer-url": url}))))
        assert "certificate verify failed" in said
        assert asked == []

    async def test_what_is_missing_is_named(self, write: Callable[[Any], str]) -> None:
        user = self.user(-3600)
        del user["auth-provider"]["config"]["client-secret"]
        assert "client-secret" in await refusal(write(document(user)))


def test_upstream_still_has_what_the_loader_overrides() -> None:
    """A rename there would bring upstream's own ways back without a word."""
    for name in (
        "_load_user_token",
        "_refresh_oidc",
        "_retrieve_oidc_cacert",
        "load_from_exec_plugin",
        "_get_base_path",
    ):
        assert callable(getattr(KubeConfigLoader, name))
