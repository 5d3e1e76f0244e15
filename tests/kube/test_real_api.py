"""What our code relies on, held against a real API server and the fake one alike, so that the fake cannot drift."""

import asyncio
import os
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.kube import errors
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.config import Endpoint, from_kubeconfig
from devworkspace.kube.credentials import StaticHeader
from devworkspace.kube.informer import Informer
from devworkspace.kube.lease import Elector
from devworkspace.kube.resource import LEASES, NAMESPACES, PVCS, SECRETS, Resource
from devworkspace.kube.review import AccessReviewer
from devworkspace.kube.transport import RetryPolicy
from tests.support.fake_apiserver import KNOWN, FakeApiServer
from tests.support.fixtures import QUICK_TIMING, client_of, eventually, running

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
OPEN_SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


class ConfigMap(Struct, frozen=True):
    metadata: ObjectMeta
    data: dict[str, str] = {}


class ClaimStatus(Struct, frozen=True):
    phase: str = ""


class ClaimSpec(Struct, frozen=True):
    storage_class_name: str | None = None


class Claim(Struct, frozen=True):
    metadata: ObjectMeta
    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


@dataclass
class Place:
    """A namespace of its own at some API server."""

    client: Client
    other: Client
    namespace: str

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    def config_map(self, name: str, **data: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": self.namespace}, "data": data}

    def labelled(self, name: str, **labels: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": self.namespace, "labels": labels}}

    async def apply(self, name: str, **data: str) -> ConfigMap:
        return await self.client.apply(CONFIG_MAPS, self.config_map(name, **data), ConfigMap)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.cluster)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    namespace = f"kube-test-{uuid.uuid4().hex[:8]}"
    if request.param == "fake":
        async with (
            FakeApiServer(resources=(*KNOWN, CONFIG_MAPS)) as server,
            client_of(server, field_manager="ours") as client,
            client_of(server, field_manager="theirs") as other,
        ):
            yield Place(client, other, namespace)
        return
    endpoint = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    async with Client(endpoint, field_manager="ours") as client, Client(endpoint, field_manager="theirs") as other:
        created = await client.create(NAMESPACES, {"metadata": {"name": namespace}}, OnlyMetadata)
        try:
            yield Place(client, other, namespace)
        finally:
            await client.delete(NAMESPACES, created.metadata.key, uid=created.metadata.uid)


async def test_server_side_apply_owns_fields(place: Place) -> None:
    first = await place.apply("a", mine="1", old="1")
    assert first.metadata.uid
    await place.other.merge_patch(CONFIG_MAPS, place.key("a"), {"data": {"theirs": "1"}}, ConfigMap)
    second = await place.apply("a", mine="2")
    assert second.data == {"mine": "2", "theirs": "1"}
    again = await place.apply("a", mine="2")
    assert again.metadata.resource_version == second.metadata.resource_version
    with pytest.raises(errors.Conflict, match="conflict"):
        await place.other.apply(CONFIG_MAPS, place.config_map("a", mine="3"), ConfigMap, force=False)
    taken = await place.other.apply(CONFIG_MAPS, place.config_map("a", mine="3"), ConfigMap)
    assert taken.data["mine"] == "3"


async def test_apply_with_the_uid_of_a_gone_object_creates_nothing(place: Place) -> None:
    gone = await place.apply("a", x="1")
    await place.client.delete(CONFIG_MAPS, place.key("a"), uid=gone.metadata.uid)
    body = place.config_map("a", x="1")
    body["metadata"]["uid"] = gone.metadata.uid
    with pytest.raises(errors.Conflict):
        await place.client.apply(CONFIG_MAPS, body, ConfigMap)
    with pytest.raises(errors.NotFound):
        await place.client.get(CONFIG_MAPS, place.key("a"), ConfigMap)


async def test_refusals_have_their_classes(place: Place) -> None:
    created = await place.client.create(CONFIG_MAPS, place.config_map("a"), ConfigMap)
    with pytest.raises(errors.AlreadyExists):
        await place.client.create(CONFIG_MAPS, place.config_map("a"), ConfigMap)
    with pytest.raises(errors.NotFound):
        await place.client.get(CONFIG_MAPS, place.key("absent"), ConfigMap)
    with pytest.raises(errors.Conflict):
        await place.client.delete(CONFIG_MAPS, place.key("a"), uid=str(uuid.uuid4()))
    await place.apply("a", x="1")
    stale = {"metadata": {"resourceVersion": created.metadata.resource_version}, "data": {"x": "2"}}
    with pytest.raises(errors.Conflict):
        await place.client.merge_patch(CONFIG_MAPS, place.key("a"), stale, ConfigMap)
    await place.client.delete(CONFIG_MAPS, place.key("a"), uid=created.metadata.uid)
    with pytest.raises(errors.NotFound):
        await place.client.delete(CONFIG_MAPS, place.key("a"), uid=created.metadata.uid)


async def test_replace_needs_the_version_that_is_stored(place: Place) -> None:
    await place.apply("a", mine="1")
    read = await place.client.get(CONFIG_MAPS, place.key("a"), dict)
    replaced = await place.client.replace(CONFIG_MAPS, {**read, "data": {"mine": "2"}}, ConfigMap)
    assert replaced.data == {"mine": "2"}
    with pytest.raises(errors.Conflict):
        await place.client.replace(CONFIG_MAPS, {**read, "data": {"mine": "3"}}, ConfigMap)
    await place.client.delete(CONFIG_MAPS, place.key("a"), uid=replaced.metadata.uid)
    with pytest.raises(errors.NotFound):
        await place.client.replace(CONFIG_MAPS, {**read, "data": {"mine": "4"}}, ConfigMap)


async def test_a_lease_is_made_renewed_given_back_and_taken(place: Place) -> None:
    one = Elector(place.client, place.key("lease"), identity="one")
    two = Elector(place.other, place.key("lease"), identity="two")
    await one.look()
    await two.look()
    await one.look()
    assert (one.is_leading(), two.is_leading()) == (True, False)
    await one.release()
    assert (await place.client.get(LEASES, place.key("lease"), dict))["spec"]["holderIdentity"] == ""
    await two.look()
    assert (one.is_leading(), two.is_leading()) == (False, True)
    spec = (await place.client.get(LEASES, place.key("lease"), dict))["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("two", 1, 15)


async def test_the_status_subresource(place: Place) -> None:
    body = {
        "metadata": {"name": "c", "namespace": place.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Bound"},
    }
    with pytest.raises(errors.NotFound):
        await place.client.apply_status(PVCS, body, Claim)
    created = await place.client.apply(PVCS, body, Claim)
    assert created.status.phase != "Bound"
    patch = {"spec": {"storageClassName": "other"}, "status": {"phase": "Lost"}}
    patched = await place.client.merge_patch(PVCS, place.key("c"), patch, Claim, subresource="status")
    assert (patched.spec.storage_class_name, patched.status.phase) == ("none", "Lost")


async def test_a_dry_run_stores_nothing(place: Place) -> None:
    assert (await place.client.apply(CONFIG_MAPS, place.config_map("a"), ConfigMap, dry_run=True)).metadata.uid
    assert (await place.client.create(CONFIG_MAPS, place.config_map("a"), ConfigMap, dry_run=True)).metadata.uid
    listed = await place.client.list(
        CONFIG_MAPS, ConfigMap, namespace=place.namespace, field_selector="metadata.name=a"
    )
    assert listed.items == ()


async def test_lists_are_paged_and_selected(place: Place) -> None:
    for number in range(5):
        await place.client.apply(CONFIG_MAPS, place.labelled(f"m{number}", odd=str(number % 2)), ConfigMap)

    async def names(**options: Any) -> list[str]:
        result = await place.client.list(CONFIG_MAPS, ConfigMap, namespace=place.namespace, **options)
        return [item.metadata.name for item in result.items if item.metadata.name != "kube-root-ca.crt"]

    assert await names(limit=2) == [f"m{number}" for number in range(5)]
    assert await names(label_selector="odd=1") == ["m1", "m3"]
    assert await names(label_selector="odd notin (1),odd") == ["m0", "m2", "m4"]
    assert await names(field_selector="metadata.name=m3") == ["m3"]


async def test_metadata_only_hides_the_content(place: Place) -> None:
    class Secret(OnlyMetadata, frozen=True):
        data: dict[str, str] = {}

    body = {"metadata": {"name": "s", "namespace": place.namespace}, "data": {"password": "c2VjcmV0"}}
    await place.client.create(SECRETS, body, OnlyMetadata)
    shown = await place.client.list(SECRETS, Secret, namespace=place.namespace)
    hidden = await place.client.list(SECRETS, Secret, namespace=place.namespace, metadata_only=True)
    assert [(item.metadata.name, item.data) for item in shown.items] == [("s", {"password": "c2VjcmV0"})]
    assert [(item.metadata.name, item.data) for item in hidden.items] == [("s", {})]


async def test_a_watch_tells_what_happened_since_its_version(place: Place) -> None:
    start = await place.client.list(CONFIG_MAPS, ConfigMap, namespace=place.namespace)
    created = await place.client.create(CONFIG_MAPS, place.labelled("a", w="1"), ConfigMap)
    await place.client.merge_patch(CONFIG_MAPS, place.key("a"), {"data": {"x": "1"}}, ConfigMap)
    await place.client.merge_patch(CONFIG_MAPS, place.key("a"), {"metadata": {"labels": {"w": "2"}}}, ConfigMap)
    await place.client.delete(CONFIG_MAPS, place.key("a"), uid=created.metadata.uid)

    async def kinds(selector: str, count: int) -> list[str]:
        watch = place.client.watch(
            CONFIG_MAPS,
            ConfigMap,
            namespace=place.namespace,
            label_selector=selector,
            resource_version=start.resource_version,
        )
        async with aclosing(watch):
            return [(await anext(watch)).kind for _ in range(count)]

    assert await kinds("w", 4) == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert await kinds("w=1", 3) == ["ADDED", "MODIFIED", "DELETED"]


async def test_the_server_ends_a_watch_in_time_and_sends_a_bookmark_or_nothing(place: Place) -> None:
    start = await place.client.list(CONFIG_MAPS, ConfigMap, namespace=place.namespace, label_selector="none=here")
    watch = place.client.watch(
        CONFIG_MAPS,
        ConfigMap,
        namespace=place.namespace,
        label_selector="none=here",
        resource_version=start.resource_version,
        timeout_seconds=1,
    )
    assert {event.kind async for event in watch} <= {"BOOKMARK"}


async def test_an_informer_follows(place: Place) -> None:
    await place.apply("a", x="1")
    informer = Informer(
        place.client,
        CONFIG_MAPS,
        ConfigMap,
        namespace=place.namespace,
        field_selector="metadata.name!=kube-root-ca.crt",
        timing=QUICK_TIMING,
    )

    def names() -> list[str]:
        return sorted(item.metadata.name for item in informer.values())

    async with running(informer):
        assert names() == ["a"]
        written = await place.apply("b", x="1")
        informer.remember(written)
        assert names() == ["a", "b"]
        await place.apply("c", x="1")
        await eventually(lambda: names() == ["a", "b", "c"])
        await place.client.delete(CONFIG_MAPS, place.key("b"), uid=written.metadata.uid)
        await eventually(lambda: names() == ["a", "c"])


async def test_owner_references_remove_children(place: Place) -> None:
    owner = await place.apply("owner")
    body = place.config_map("child")
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    ]
    await place.client.apply(CONFIG_MAPS, body, ConfigMap)
    await place.client.delete(CONFIG_MAPS, place.key("owner"), uid=owner.metadata.uid)
    informer = Informer(place.client, CONFIG_MAPS, ConfigMap, namespace=place.namespace, timing=QUICK_TIMING)
    async with running(informer):
        await eventually(lambda: informer.get(place.key("child")) is None, within=30.0)


@asynccontextmanager
async def new_kind(client: Client) -> AsyncIterator[Resource]:
    """Define a kind; its server-side history begins now."""
    kind = Resource(f"t{uuid.uuid4().hex[:8]}.example", "v1", "things", "Thing")
    definition = {
        "metadata": {"name": f"things.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"plural": kind.plural, "kind": kind.kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": OPEN_SCHEMA}],
        },
    }
    created = await client.create(DEFINITIONS, definition, OnlyMetadata)
    try:
        await eventually_listed(client, kind)
        yield kind
    finally:
        await client.delete(DEFINITIONS, created.metadata.key, uid=created.metadata.uid)


async def eventually_listed(client: Client, kind: Resource) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.list(kind, OnlyMetadata)
            except errors.NotFound:
                await asyncio.sleep(0.05)
            else:
                return


async def first_change_since(client: Client, kind: Resource, version: str) -> object:
    """What a watch says first; until the server has begun to keep changes of a new kind, it answers 429."""
    async with asyncio.timeout(30):
        while True:
            async with aclosing(client.watch(kind, OnlyMetadata, resource_version=version)) as watch:
                try:
                    return await anext(watch)
                except errors.TooManyRequests:
                    await asyncio.sleep(0.1)


@pytest.mark.cluster
async def test_a_version_before_the_servers_history_is_gone_and_an_informer_lists_again() -> None:
    endpoint = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    async with Client(endpoint, field_manager="ours") as client, new_kind(client) as kind:
        with pytest.raises(errors.Gone):
            await first_change_since(client, kind, "1")
        informer = Informer(client, kind, OnlyMetadata, timing=QUICK_TIMING)
        informer._resource_version, informer._relist_at = "1", float("inf")
        async with running(informer):
            body = {"metadata": {"name": "a", "namespace": "default"}}
            created = await client.create(kind, body, OnlyMetadata)
            await eventually(lambda: informer.get(created.metadata.key) is not None)


@pytest.mark.cluster
async def test_access_reviews_of_a_real_authorizer() -> None:
    endpoint = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    async with Client(endpoint, field_manager="ours") as client:
        reviewer = AccessReviewer(client)
        question: dict[str, Any] = {"verb": "delete", "group": "", "resource": "pods", "namespace": "default"}
        assert await reviewer.allowed("root", ["system:masters"], {}, **question) is True
        assert await reviewer.allowed("nobody", [], {"scope": ["x"]}, **question) is False
        await reviewer.close()


@pytest.mark.cluster
async def test_wrong_credentials_are_refused() -> None:
    endpoint = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    context = ssl.create_default_context(cadata="".join(map(ssl.DER_cert_to_PEM_cert, _authorities(endpoint))))
    wrong = Endpoint(server=endpoint.server, ssl=context, credential=StaticHeader("Bearer wrong-token"))
    async with Client(wrong, field_manager="ours") as client:
        with pytest.raises(errors.Unauthorized):
            await client.list(NAMESPACES, OnlyMetadata)
    untrusted = Endpoint(server=endpoint.server, ssl=ssl.create_default_context())
    async with Client(untrusted, field_manager="ours", retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(errors.Unreachable, match="certificate"):
            await client.list(NAMESPACES, OnlyMetadata)


def _authorities(endpoint: Endpoint) -> list[bytes]:
    assert endpoint.ssl is not None
    return endpoint.ssl.get_ca_certs(binary_form=True)
