"""Kubernetes shared informers for one asyncio event loop: list once, watch for ever, read from memory."""

from aioinformer.audit import AuditReport
from aioinformer.errors import (
    APIError,
    BadRequest,
    CacheSyncError,
    CacheSyncTimeout,
    ConfigurationError,
    Conflict,
    Forbidden,
    IdleTimeout,
    InformerClosed,
    InformerConflict,
    InformerError,
    Invalid,
    InvalidOption,
    InvalidSelector,
    MalformedResponse,
    MethodNotAllowed,
    NetworkError,
    NotFound,
    NotRunning,
    ObjectRejected,
    ResourceExpired,
    ResourceVersionTooLarge,
    ServerError,
    SubscriptionLagged,
    TooManyRequests,
    Unauthorized,
    UnknownResource,
    WaitTimeout,
)
from aioinformer.events import Added, Deleted, Event, EventType, Resynced, Synced, Updated
from aioinformer.explaining import Explanation
from aioinformer.factory import SharedInformerFactory
from aioinformer.failures import Decision, Failure
from aioinformer.health import FactoryHealth
from aioinformer.informer import Informer
from aioinformer.lister import Lister, NamespaceLister
from aioinformer.merging import Merged, Tagged, merge
from aioinformer.objects import KubeObject, ObjectMeta, OwnerReference
from aioinformer.options import InformerOptions
from aioinformer.quarantine import Quarantined
from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.selectors import LabelSelector
from aioinformer.served import ResourceAppeared, ResourceChanges, ResourceVanished
from aioinformer.status import FactoryStatus, InformerState, InformerStatus, NamespaceStatus
from aioinformer.subscription import Subscription
from aioinformer.writing import Writer

__version__ = "0.1.0.dev0"

__all__ = [
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
