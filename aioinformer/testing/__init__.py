"""A Kubernetes API server in a box, for tests of whatever talks to one."""

from __future__ import annotations

from aioinformer.testing.cluster import Cluster
from aioinformer.testing.requests import Request
from aioinformer.testing.server import ApiServer
from aioinformer.testing.simulator import DeploymentSimulator
from aioinformer.testing.statuses import (
    AlreadyExistsError,
    ApiServerError,
    BadRequestError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)

__all__ = [
    "AlreadyExistsError",
    "ApiServer",
    "ApiServerError",
    "BadRequestError",
    "Cluster",
    "ConflictError",
    "DeploymentSimulator",
    "ExpiredError",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "Request",
]
