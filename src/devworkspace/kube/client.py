"""A thin Kubernetes client: the verbs that this product uses, typed by the caller's msgspec structs."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import aiohttp

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.kube.codec import (
    KubeObject,
    LineSplitter,
    OnlyMetadata,
    Page,
    WatchEvent,
    decode,
    decode_event,
    decode_page,
    encode,
)
from devworkspace.kube.config import Endpoint
from devworkspace.kube.errors import ApiError, Gone, Unreachable
from devworkspace.kube.ratelimit import TokenBucket
from devworkspace.kube.resource import PODS, Resource, key_of
from devworkspace.kube.transport import JSON, OnRequest, Request, RetryPolicy, Transport, WriteGate, unreachable

__all__ = ["Client", "KubeObject", "ListResult", "OnlyMetadata", "WatchEvent"]

APPLY: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
_PARTIAL: Final = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_PARTIAL_LIST: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_LIST_RESTARTS: Final = 3

A = TypeVar("A")
T = TypeVar("T", bound=KubeObject)

log: Final = logging.getLogger("devworkspace.kube")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResult(Generic[T]):
    """A consistent list and the version to watch from. `unreadable`: objects that exist but do not fit the type.

    `complete` is False for one that was cut at `at_most`.
    """

    items: tuple[T, ...]
    resource_version: str
    unreadable: tuple[ObjectMeta, ...] = ()
    complete: bool = True


class Client:
    """Talks to one API server; an async context manager.

    All writes carry `field_manager`. `timeout` is seconds per attempt, `limit` the connections of everything but
    watches, `silence` the seconds without a byte after which a watch counts as dead (bookmarks come every minute).
    `gate` is asked at every attempt to write, `rate_limit` before every request but watches.
    Methods raise the classes of `devworkspace.kube.errors`; `Unreachable` leaves open whether a write happened.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        field_manager: str,
        timeout: float = 30.0,
        limit: int = 50,
        user_agent: str = "devworkspace",
        silence: float = 70.0,
        retry: RetryPolicy | None = None,
        on_request: OnRequest | None = None,
        gate: WriteGate | None = None,
        rate_limit: TokenBucket | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.field_manager = field_manager
        self._silence = silence
        self._transport = Transport(
            endpoint,
            timeout=timeout,
            limit=limit,
            user_agent=user_agent,
            retry=retry or RetryPolicy(),
            on_request=on_request,
            gate=gate,
            rate_limit=rate_limit,
        )

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def server_time(self) -> datetime | None:
        """The present time by the API server's clock, a second behind at most; None before its first answer."""
        return self._transport.server_time()

    async def get(self, resource: Resource, key: Key, type: type[A]) -> A:
        """Read one object; `NotFound` if there is none."""
        request = Request(verb="get", resource=resource.plural, method="GET", path=resource.object_path(key))
        return decode(await self._transport.send(request), type, what=str(request))

    async def list(
        self,
        resource: Resource,
        type: type[T],
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = 100,
        metadata_only: bool = False,
        keep: Callable[[T], bool] | None = None,
        at_most: int | None = None,
    ) -> ListResult[T]:
        """List in pages of `limit`, all of one version; `namespace` None means all.

        Of a list that no selector makes small enough, `keep` leaves out objects page by page. After `at_most` objects
        no further page is asked for.

        A continue token that expires restarts the list, three times at most, then raises `Gone`. `metadata_only` has
        the server send nothing but metadata, so that no content of a Secret reaches this process.
        """
        params = _selectors(label_selector, field_selector) | {"limit": str(limit)}
        request = Request(
            verb="list",
            resource=resource.plural,
            method="GET",
            path=resource.path(namespace or ""),
            params=params,
            accept=_PARTIAL_LIST if metadata_only else JSON,
        )
        for _ in range(_LIST_RESTARTS):
            try:
                return await self._list_once(request, type, keep=keep, at_most=at_most)
            except Gone as error:
                log.debug("%s: the list outlived its version, starting again: %s", request, error)
        return await self._list_once(request, type, keep=keep, at_most=at_most)

    async def _list_once(
        self, request: Request, type: type[T], *, keep: Callable[[T], bool] | None, at_most: int | None
    ) -> ListResult[T]:
        items: list[T] = []
        unreadable: list[ObjectMeta] = []
        while True:
            body = await self._transport.send(request)
            page: Page[T] = decode_page(body, type, what=str(request))
            items += page.items if keep is None else filter(keep, page.items)
            unreadable += page.unreadable
            is_cut = bool(page.metadata.continue_) and at_most is not None and len(items) >= at_most
            if is_cut or not page.metadata.continue_:
                return ListResult(
                    items=tuple(items),
                    resource_version=page.metadata.resource_version,
                    unreadable=tuple(unreadable),
                    complete=not is_cut,
                )
            request = replace(request, params={**request.params, "continue": page.metadata.continue_})

    async def watch(
        self,
        resource: Resource,
        type: type[T],
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str,
        timeout_seconds: int = 300,
        metadata_only: bool = False,
        on_contact: Callable[[], None] | None = None,
    ) -> AsyncGenerator[WatchEvent[T], None]:
        """Yield what changes after `resource_version`, with bookmarks, until the server ends the stream.

        Raises `Gone` when the version is too old, as answer or in mid-stream, another `ApiError` for other error
        events, `Unreachable` when the connection breaks or is silent. A last line without its end is dropped: the
        next watch from the last version brings it again. `on_contact` is called for every sign of life. Not retried.
        Close the generator (`contextlib.aclosing`) when leaving the loop early.
        """
        params = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        request = Request(
            verb="watch",
            resource=resource.plural,
            method="GET",
            path=resource.path(namespace or ""),
            params=params,
            accept=_PARTIAL if metadata_only else JSON,
        )
        splitter = LineSplitter()
        async with self._transport.stream(request, silence=self._silence) as response:
            if on_contact is not None:
                on_contact()
            chunks = aiter(response.content.iter_any())
            while True:
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    raise Unreachable(f"{request}: the watch was silent for {self._silence:g} s") from error
                except (aiohttp.ClientError, OSError) as error:
                    raise unreachable(request, error) from error
                if on_contact is not None:
                    on_contact()
                for line in splitter.feed(chunk):
                    event: WatchEvent[T] | ApiError = decode_event(line, type, what=str(request))
                    if isinstance(event, ApiError):
                        raise event
                    yield event

    async def apply(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        type: type[A],
        *,
        force: bool = True,
        dry_run: bool = False,
    ) -> A:
        """Server-side apply: create the object, or own exactly the fields in `body`. Returns the object as stored."""
        return await self._apply(resource, body, type, force=force, dry_run=dry_run)

    async def apply_status(
        self, resource: Resource, body: Mapping[str, Any], type: type[A], *, force: bool = True
    ) -> A:
        """Server-side apply of `status`; `NotFound` if the object is gone, so it never creates one."""
        return await self._apply(resource, body, type, force=force, subresource="status")

    async def create(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        type: type[A],
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> A:
        """Create an object; `AlreadyExists` if the name is taken. Not repeated when the answer gets lost.

        `strict` has unknown fields refused instead of dropped.
        """
        request = Request(
            verb="create",
            resource=resource.plural,
            method="POST",
            path=resource.path(key_of(body).namespace),
            params=self._write_params(dry_run=dry_run, strict=strict),
            body=encode(_typed(resource, body)),
            idempotent=False,
        )
        return decode(await self._transport.send(request), type, what=str(request))

    async def replace(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        type: type[A],
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> A:
        """Replace an object as a whole, in the version that `body` names; `Conflict` if that is not the newest.

        Not repeated when the answer gets lost: the second one would conflict with the success of the first.
        """
        if not (body.get("metadata") or {}).get("resourceVersion"):
            raise ValueError(f"replacing {resource.kind} {key_of(body)} needs the resourceVersion that was read")
        request = Request(
            verb="update",
            resource=resource.plural,
            method="PUT",
            path=resource.object_path(key_of(body)),
            params=self._write_params(dry_run=dry_run, strict=strict),
            body=encode(_typed(resource, body)),
            idempotent=False,
        )
        return decode(await self._transport.send(request), type, what=str(request))

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Mapping[str, Any],
        type: type[A],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> A:
        """JSON merge patch: None removes a field, lists are replaced.

        With `metadata.resourceVersion` in the patch it happens only on that version, else `Conflict`; with
        `metadata.uid` only on that object.
        """
        request = Request(
            verb="patch",
            resource=_label(resource, subresource or ""),
            method="PATCH",
            path=resource.object_path(key, subresource or ""),
            params=self._write_params(dry_run=dry_run),
            body=encode(patch),
            content_type=MERGE_PATCH,
        )
        return decode(await self._transport.send(request), type, what=str(request))

    async def delete(
        self,
        resource: Resource,
        key: Key,
        *,
        uid: str,
        resource_version: str | None = None,
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete the object `uid` and no other one of that name (`Conflict`); `NotFound` if there is none.

        With `resource_version` only in that version, so that what was decided on still holds.

        Returning means accepted, not gone: pods end gracefully and finalizers hold objects. After a lost answer the
        repeat may find nothing, so treat `NotFound` as success.
        """
        if not uid:
            raise ValueError(f"deleting {resource.kind} {key} needs the uid of the object that is meant")
        preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        request = Request(
            verb="delete",
            resource=resource.plural,
            method="DELETE",
            path=resource.object_path(key),
            body=encode(options),
        )
        await self._transport.send(request)

    @asynccontextmanager
    async def log(self, pod: Key, *, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """A container's output as it comes, in chunks; `params` are those of the API. Not retried.

        Nothing is read ahead of the consumer. A broken connection raises `Unreachable` there.
        """
        request = Request(
            verb="get",
            resource=_label(PODS, "log"),
            method="GET",
            path=PODS.object_path(pod, "log"),
            params=params,
            accept="*/*",
        )
        # A container may be silent for days.
        async with self._transport.stream(request, silence=None) as response:
            yield _chunks(request, response)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        resource: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotent: bool = False,
    ) -> bytes:
        """Send anything else, such as reviews and `/version`, and return the body of the answer.

        `path` must be percent-encoded (`Resource.path`); `resource` is the word for measurements.
        """
        request = Request(
            verb=method.lower(),
            resource=resource,
            method=method,
            path=path,
            params=params or {},
            body=None if body is None else encode(body),
            idempotent=idempotent,
        )
        return await self._transport.send(request)

    async def _apply(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        type: type[A],
        *,
        force: bool,
        dry_run: bool = False,
        subresource: str = "",
    ) -> A:
        request = Request(
            verb="apply",
            resource=_label(resource, subresource),
            method="PATCH",
            path=resource.object_path(key_of(body), subresource),
            params=self._write_params(dry_run=dry_run) | {"force": "true" if force else "false"},
            body=encode(_typed(resource, body)),
            content_type=APPLY,
        )
        return decode(await self._transport.send(request), type, what=str(request))

    def _write_params(self, *, dry_run: bool, strict: bool = False) -> dict[str, str]:
        params = {"fieldManager": self.field_manager}
        return params | ({"dryRun": "All"} if dry_run else {}) | ({"fieldValidation": "Strict"} if strict else {})


async def _chunks(request: Request, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise unreachable(request, error) from error


def _selectors(label_selector: str | None, field_selector: str | None) -> dict[str, str]:
    params = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in params.items() if value}


def _label(resource: Resource, subresource: str) -> str:
    return f"{resource.plural}/{subresource}" if subresource else resource.plural


def _typed(resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `body` with the type of `resource`, which the API server demands and callers need not repeat."""
    return {**body, "apiVersion": resource.api_version, "kind": resource.kind}
