"""Request bodies, over a socket of their own."""

from __future__ import annotations

import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from aioinformer.testing import ApiServerError, answers
from aioinformer.testing.bodies import PATCH_TYPES, read_document, read_patch

JSON_TYPE = "application/json"
DOCUMENT = {"metadata": {"finalizers": ["a"]}, "x": [1]}


async def read(body: bytes, content_type: str, *, patch: bool = False, builtin: bool = True) -> tuple[int, object]:
    """What the server makes of a body: the document, or what the patch makes of `DOCUMENT`."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            if patch:
                return answers.document((await read_patch(request, builtin=builtin))(DOCUMENT))
            return answers.document(await read_document(request, "Pod"))
        except ApiServerError as refusal:
            return answers.error(refusal)

    async with (
        RawTestServer(handle, host="127.0.0.1") as server,
        aiohttp.ClientSession() as session,
        session.post(server.make_url("/"), data=body, headers={"Content-Type": content_type}) as response,
    ):
        answer = await response.json()
        return response.status, answer if response.status == 200 else answer["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b'{"a": 1}', JSON_TYPE, {"a": 1}),
        (b'{"a": 1}', f"{JSON_TYPE}; charset=utf-8", {"a": 1}),
        (b"a: 1", "application/yaml", {"a": 1}),
        (b"", JSON_TYPE, {}),
        (b"", "application/yaml", {}),
    ],
)
async def test_documents(body: bytes, content_type: str, expected: object) -> None:
    assert await read(body, content_type) == (200, expected)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"[]", JSON_TYPE, 400), (b"{", JSON_TYPE, 400), (b"a: [", "application/yaml", 400), (b"{}", "text/css", 415)],
)
async def test_what_is_no_document(body: bytes, content_type: str, status: int) -> None:
    found, message = await read(body, content_type)
    assert found == status
    assert "must be of type Pod" in str(message) or status == 415


async def test_each_content_type_patches_its_own_way() -> None:
    bodies = (
        [{"op": "replace", "path": "/metadata/finalizers", "value": ["b"]}],
        {"metadata": {"finalizers": ["b"]}},
        {"metadata": {"finalizers": ["b"]}},
        {"metadata": {"finalizers": ["b"]}},
    )
    results = [
        await read(json.dumps(body).encode(), kind, patch=True) for kind, body in zip(PATCH_TYPES, bodies, strict=True)
    ]
    finalizers = (["b"], ["b"], ["a", "b"], ["a", "b"])
    assert results == [(200, {"metadata": {"finalizers": each}, "x": [1]}) for each in finalizers]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"{}", PATCH_TYPES[0], 400), (b"[]", PATCH_TYPES[1], 400), (b"{", PATCH_TYPES[1], 400), (b"{}", JSON_TYPE, 415)],
)
async def test_what_is_no_patch(body: bytes, content_type: str, status: int) -> None:
    assert (await read(body, content_type, patch=True))[0] == status


async def test_custom_resources_are_told_which_patches_they_take() -> None:
    status, message = await read(b"{}", PATCH_TYPES[2], patch=True, builtin=False)
    assert status == 415
    assert PATCH_TYPES[1] in str(message)
    assert PATCH_TYPES[2] not in str(message)
