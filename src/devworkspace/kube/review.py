"""Asks the API server what a user may do, seldom enough to ask on every request.

A cached yes is at most `allow_ttl` seconds old, a cached no `deny_ttl`: that is how long a changed role may take to
count. A question that cannot be answered raises; the caller refuses then (fail closed).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from devworkspace.kube.client import Client
from devworkspace.kube.codec import decode
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import SUBJECT_ACCESS_REVIEWS


class _Question(NamedTuple):
    """Everything that the answer depends on, in a form that equal questions share."""

    user: str
    groups: tuple[str, ...]
    extra: tuple[tuple[str, tuple[str, ...]], ...]
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str


class _Answer(NamedTuple):
    allowed: bool
    expires: float


class _ReviewStatus(msgspec.Struct, frozen=True):
    allowed: bool = False
    denied: bool = False


class _Review(msgspec.Struct, frozen=True):
    # Required: an answer without a status must fail instead of reading as a refusal that gets cached.
    status: _ReviewStatus


class AccessReviewer:
    """Answers by SubjectAccessReview; at most `max_entries` answers are kept, the least recently used ones go first.

    `observe` is told `cached`, `asked` and `failed`.
    Concurrent equal questions share one request. `close()` ends the requests that are under way.
    """

    def __init__(
        self,
        client: Client,
        *,
        allow_ttl: float = 15.0,
        deny_ttl: float = 5.0,
        max_entries: int = 10_000,
        observe: Callable[[str], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._allow_ttl = allow_ttl
        self._deny_ttl = deny_ttl
        self._max_entries = max_entries
        self._observe = observe
        self._monotonic = monotonic
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._asking: dict[_Question, asyncio.Task[bool]] = {}

    async def allowed(
        self,
        user: str,
        groups: Iterable[str],
        extra: Mapping[str, Iterable[str]],
        *,
        verb: str,
        group: str,
        resource: str,
        subresource: str = "",
        namespace: str,
        name: str = "",
    ) -> bool:
        """Tell whether the user may do it; raises `KubeError` when that cannot be found out."""
        if not user:
            raise ValueError("an access review needs a user; an empty one would ask about nobody")
        question = _Question(
            user=user,
            groups=tuple(sorted(set(groups))),
            extra=tuple(sorted((key, tuple(values)) for key, values in extra.items())),
            verb=verb,
            group=group,
            resource=resource,
            subresource=subresource,
            namespace=namespace,
            name=name,
        )
        known = self._answers.get(question)
        if known is not None and self._monotonic() < known.expires:
            self._answers.move_to_end(question)
            self._observe("cached")
            return known.allowed
        task = self._asking.get(question)
        if task is None:
            task = asyncio.create_task(self._ask(question), name="access-review")
            self._asking[question] = task
            task.add_done_callback(lambda done: self._settle(question, done))
        # The request belongs to everybody who waits: one of them going away must not cancel it for the others.
        answer = asyncio.shield(task)
        try:
            return await answer
        finally:
            # For those who only looked whether there is one: nobody else would see its error.
            answer.cancel()

    async def close(self) -> None:
        """Cancel what is under way; who still waits gets a CancelledError."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, question: _Question) -> bool:
        attributes = {
            "verb": question.verb,
            "group": question.group,
            "resource": question.resource,
            "subresource": question.subresource,
            "namespace": question.namespace,
            "name": question.name,
        }
        body = {
            "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
            "kind": SUBJECT_ACCESS_REVIEWS.kind,
            "spec": {
                "user": question.user,
                "groups": question.groups,
                "extra": dict(question.extra),
                "resourceAttributes": attributes,
            },
        }
        asked = self._monotonic()
        self._observe("asked")
        try:
            answer = await self._client.raw(
                "POST",
                SUBJECT_ACCESS_REVIEWS.path(),
                resource=SUBJECT_ACCESS_REVIEWS.plural,
                body=body,
                idempotent=True,
            )
        except KubeError:
            self._observe("failed")
            raise
        status = decode(answer, _Review, what="SubjectAccessReview").status
        allowed = status.allowed and not status.denied
        self._keep(question, _Answer(allowed, asked + (self._allow_ttl if allowed else self._deny_ttl)))
        return allowed

    def _keep(self, question: _Question, answer: _Answer) -> None:
        self._answers[question] = answer
        self._answers.move_to_end(question)
        while len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)

    def _settle(self, question: _Question, task: asyncio.Task[bool]) -> None:
        self._asking.pop(question, None)
        if not task.cancelled():
            task.exception()  # seen: if all who waited have left, nobody else would look at it
