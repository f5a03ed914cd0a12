from __future__ import annotations

import importlib
import pkgutil

import pytest

import aioinformer

PUBLIC = [
    "APIError",
    "APIResource",
    "Added",
    "AuditReport",
    "BadRequest",
    "CacheSyncError",
    "CacheSyncTimeout",
    "ConfigurationError",
    "Conflict",
    "Decision",
    "Deleted",
    "Event",
    "EventType",
    "Explanation",
    "FactoryHealth",
    "FactoryStatus",
    "Failure",
    "Forbidden",
    "GroupVersionResource",
    "IdleTimeout",
    "Informer",
    "InformerClosed",
    "InformerConflict",
    "InformerError",
    "InformerOptions",
    "InformerState",
    "InformerStatus",
    "Invalid",
    "InvalidOption",
    "InvalidSelector",
    "KubeObject",
    "LabelSelector",
    "Lister",
    "MalformedResponse",
    "Merged",
    "MethodNotAllowed",
    "NamespaceLister",
    "NamespaceStatus",
    "NetworkError",
    "NotFound",
    "NotRunning",
    "ObjectMeta",
    "ObjectRejected",
    "OwnerReference",
    "Quarantined",
    "ResourceAppeared",
    "ResourceChanges",
    "ResourceExpired",
    "ResourceVanished",
    "ResourceVersionTooLarge",
    "Resynced",
    "ServerError",
    "SharedInformerFactory",
    "Subscription",
    "SubscriptionLagged",
    "Synced",
    "Tagged",
    "TooManyRequests",
    "Unauthorized",
    "UnknownResource",
    "Updated",
    "WaitTimeout",
    "Writer",
    "merge",
]

ROOMS = [
    name for _, name, is_package in pkgutil.iter_modules(aioinformer.__path__) if not is_package and name != "_speedups"
]


def test_the_public_surface_is_this_and_nothing_else() -> None:
    """A name that comes or goes is a decision about the next version number."""
    assert sorted(aioinformer.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert getattr(aioinformer, name) is not None
    if name != "Event":  # a union has no docstring of its own
        assert getattr(aioinformer, name).__doc__


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_every_name_that_it_exports(room: str) -> None:
    module = importlib.import_module(f"aioinformer.{room}")
    assert module.__doc__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_every_exception_of_the_tree_is_public() -> None:
    errors = importlib.import_module("aioinformer.errors")
    assert {name for name in errors.__all__ if name != "api_error"} <= set(aioinformer.__all__)


def test_the_version_is_said() -> None:
    assert aioinformer.__version__.split(".")[0].isdecimal()
