"""Rules that make the server refuse: consulted in order, in one place for each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aioinformer.testing.statuses import ApiServerError, ForbiddenError, GroupResource

if TYPE_CHECKING:
    from aioinformer.testing.requests import Request

__all__ = ["Faults", "Forbidden", "Refusal", "Rule", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """Which requests are meant; ``None`` is any."""

    resource: GroupResource | None = None
    verb: str | None = None
    namespace: str | None = None
    version: str | None = None

    def covers(self, request: Request) -> bool:
        """Whether a request is one of them."""
        gvr = request.resource
        return (
            (self.resource is None or (gvr is not None and self.resource == (gvr.group, gvr.resource)))
            and (self.version is None or (gvr is not None and self.version == gvr.version))
            and (self.verb is None or self.verb == request.verb)
            and (self.namespace is None or self.namespace == request.namespace)
        )


class Rule(Protocol):
    """Something that may go wrong with a request."""

    def refuse(self, request: Request) -> ApiServerError | None:
        """The error to answer instead of serving the request, if this rule has one for it."""
        ...

    @property
    def spent(self) -> bool:
        """Whether the rule is done and can go."""
        ...


class Refusal:
    """Answers the next ``times`` requests it covers with one error."""

    def __init__(self, target: Target, error: ApiServerError, times: int) -> None:
        self._target = target
        self._error = error
        self._left = times

    @property
    def spent(self) -> bool:
        """Whether it has answered as often as it should."""
        return self._left <= 0

    def refuse(self, request: Request) -> ApiServerError | None:
        """The error, counted."""
        if self.spent or not self._target.covers(request):
            return None
        self._left -= 1
        return self._error


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Denies a resource, in one namespace or everywhere, with the words of RBAC."""

    target: Target
    user: str

    @property
    def spent(self) -> bool:
        """Never: it holds until taken back."""
        return False

    def refuse(self, request: Request) -> ApiServerError | None:
        """403 for what it covers."""
        if request.resource is None or not self.target.covers(request):
            return None
        gvr = request.resource
        plural = f"{gvr.resource}/{request.subresource}" if request.subresource else gvr.resource
        scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
        why = f'User "{self.user}" cannot {request.verb} resource "{plural}" in API group "{gvr.group}" {scope}'
        return ForbiddenError(GroupResource(gvr.group, gvr.resource), request.name, why)


class Faults:
    """The rules in force, in the order they were made."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put a rule in force, after the others."""
        self._rules.append(rule)

    def discard(self, rule: Rule) -> None:
        """Take back every rule equal to the given one."""
        self._rules = [each for each in self._rules if each != rule]

    def check(self, request: Request) -> None:
        """Let a request pass, or not.

        Raises:
            ApiServerError: what the first rule that has something against it answers.
        """
        for rule in self._rules:
            error = rule.refuse(request)
            if error is not None:
                self._rules = [each for each in self._rules if not each.spent]
                raise error
