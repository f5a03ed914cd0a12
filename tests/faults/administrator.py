"""Requests straight to the API server, whatever befalls the informers' own way to it."""

from __future__ import annotations

import asyncio
import ssl
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import msgspec

if TYPE_CHECKING:
    from typing import Self

    from aioinformer.testing import ControlPlane

Object = dict[str, Any]
TIMEOUT = aiohttp.ClientTimeout(total=20)
NOT_NOW = {401, 403, 429, 500, 502, 503, 504}
"""Statuses of a server that is starting, or whose etcd is away; 403 until it has read who may do what."""


class Unanswered(Exception):
    """No answer, or one that settles nothing: what was asked may have been done, or may be done yet."""


class Administrator:
    """JSON requests with the administrator's token of the moment, and a namespace of its own.

    A connection that broke is replaced.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.namespace = f"fault-{uuid4().hex[:8]}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drop()

    async def request(self, method: str, path: str, body: Object | None = None, **query: str) -> tuple[int, Object]:
        """Status and document.

        Raises:
            Unanswered: ask again.
        """
        try:
            async with self._connected().request(
                method,
                self.plane.url + path,
                data=None if body is None else BytesIO(msgspec.json.encode(body)),
                params=query,
                headers={"Authorization": f"Bearer {self.plane.token}", "Content-Type": "application/json"},
            ) as response:
                status, content = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await self._drop()
            raise Unanswered(f"{method} {path}: {error!r}") from error
        if status in NOT_NOW:
            raise Unanswered(f"{method} {path}: {status} {content[:200]!r}")
        try:
            return status, msgspec.json.decode(content, type=Object)
        except msgspec.DecodeError as error:
            raise Unanswered(f"{method} {path}: {status} {content[:200]!r}") from error

    async def insist(self, method: str, path: str, body: Object | None = None, **query: str) -> tuple[int, Object]:
        """The same request until it is answered; for those that may be repeated."""
        while True:
            try:
                return await self.request(method, path, body, **query)
            except Unanswered:
                await asyncio.sleep(0.1)

    async def create(self, path: str, document: Object) -> Object:
        """Create an object that must not be there."""
        status, answer = await self.insist("POST", path, document)
        assert status == 201, answer
        return answer

    async def listed(self, path: str) -> list[Object]:
        """A fresh, consistent LIST, with kind and apiVersion in every item."""
        status, answer = await self.insist("GET", path)
        assert status == 200, answer
        kinds = {"kind": answer["kind"].removesuffix("List"), "apiVersion": answer["apiVersion"]}
        return [kinds | item for item in answer["items"]]

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = ssl.create_default_context(cafile=self.plane.ca_file)  # read anew: the server's may be another
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), timeout=TIMEOUT)
        return self._session

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
