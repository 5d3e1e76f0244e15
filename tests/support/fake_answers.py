"""What the fake API server answers, apart from how the question came: over HTTP, or from the same process."""

from collections.abc import Mapping
from typing import Any, Final

from devworkspace.kube import resource as kinds
from tests.support.fake_objects import Object, matches_fields, matches_labels, merge_patch, without_status
from tests.support.fake_routes import Target
from tests.support.fake_store import Change, ChangeKind, Refusal, Store

WITHOUT_STATUS: Final = {kinds.SECRETS, kinds.EVENTS, kinds.LEASES, kinds.NETWORK_POLICIES}


def refusal_body(status: int, reason: str, message: str, details: dict[str, Any] | None = None) -> Object:
    """A `metav1.Status` of a failure."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return body | {"reason": reason, "code": status, "details": details or {}}


def answer(store: Store, target: Target, query: Mapping[str, str], body: Object) -> Object:
    """Carries out everything but lists and watches; raises `Refusal`."""
    resource, key = target.resource, target.key
    dry_run = query.get("dryRun") == "All"
    match target.verb:
        case "get":
            return store.get(resource, key)
        case "delete":
            return _delete(store, target, body)
        case "create":
            return _create(store, target, query, body)
        case "apply":
            return _apply(store, target, query, body)
        case "patch":
            body = merge_patch(store.get(resource, key), body)
    return store.update(resource, key, body, subresource=target.subresource, dry_run=dry_run)


def _create(store: Store, target: Target, query: Mapping[str, str], body: Object) -> Object:
    body.setdefault("metadata", {}).setdefault("namespace", target.key.namespace)
    if not target.key.namespace:
        del body["metadata"]["namespace"]
    body = body if target.resource in WITHOUT_STATUS else without_status(body)
    manager = query.get("fieldManager", "unknown")
    return store.create(target.resource, body, manager=manager, dry_run=query.get("dryRun") == "All")


def _apply(store: Store, target: Target, query: Mapping[str, str], body: Object) -> Object:
    manager = query.get("fieldManager")
    if not manager:
        raise Refusal(422, "Invalid", "fieldManager: Required value: is required for apply patch")
    if body.get("apiVersion") != target.resource.api_version or body.get("kind") != target.resource.kind:
        raise Refusal(400, "BadRequest", "the type in the body does not match the path")
    if kinds.key_of(body).name not in {"", target.key.name}:
        raise Refusal(400, "BadRequest", "the name in the body does not match the path")
    metadata = {**(body.get("metadata") or {}), "name": target.key.name}
    if target.key.namespace:
        metadata["namespace"] = target.key.namespace
    return store.apply(
        target.resource,
        target.key,
        {**body, "metadata": metadata},
        manager=manager,
        force=query.get("force") == "true",
        subresource=target.subresource,
        dry_run=query.get("dryRun") == "All",
    )


def _delete(store: Store, target: Target, options: Object) -> Object:
    wanted = options.get("preconditions") or {}
    store.delete(
        target.resource,
        target.key,
        uid=wanted.get("uid"),
        version=wanted.get("resourceVersion"),
        grace=options.get("gracePeriodSeconds"),
    )
    return {"kind": "Status", "apiVersion": "v1", "status": "Success"}


def is_selected(query: Mapping[str, str], obj: Object) -> bool:
    """Whether the selectors of a list or watch select this object."""
    labels = obj["metadata"].get("labels") or {}
    return matches_labels(query.get("labelSelector", ""), labels) and matches_fields(
        query.get("fieldSelector", ""), obj
    )


def event_kind(query: Mapping[str, str], target: Target, change: Change) -> ChangeKind | None:
    """The change as a watch sees it, None for not at all: entering a selector is ADDED, leaving it is DELETED."""
    if change.resource != target.resource:
        return None
    if target.key.namespace and change.new["metadata"].get("namespace") != target.key.namespace:
        return None
    before = change.old is not None and is_selected(query, change.old)
    after = change.kind != "DELETED" and is_selected(query, change.new)
    if not before and not after:
        return None
    return "MODIFIED" if before and after else "ADDED" if after else "DELETED"
