"""Who is asked about what: few questions about many environments, and no environment missed for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, Secret
from devworkspace.kube.client import Client
from devworkspace.kube.resource import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.environments import Environment, make_environment
from devworkspace.server.grants import InformedGrants, Prospects, Role, is_about_environments
from devworkspace.server.kubesphere import Question
from tests.server.fakes import Rbac
from tests.server.support import make_instance
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import eventually

ADA = Identity("ada", ("devs", "system:authenticated"))
CONNECT = f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}"


class Known:
    def __init__(self, prospects: Prospects | None) -> None:
        self._prospects = prospects

    def prospects(self, identity: Identity) -> Prospects | None:
        return self._prospects


def environments(
    count: int = 3, *, namespaces: tuple[str, ...] = ("red", "blue"), owner: str = "eve"
) -> list[Environment]:
    return [
        make_environment(make_instance(f"env-{number}", namespace, owner=owner), None)
        for namespace in namespaces
        for number in range(count)
    ]


def asked(rbac: Rbac) -> set[str]:
    return {question["place"] for question in rbac.asked}


NOTHING = Prospects(frozenset(), frozenset(), frozenset())


class TestQuestions:
    async def test_who_is_bound_nowhere_is_asked_about_once(self) -> None:
        rbac = Rbac()
        own = environments(1, namespaces=("green",), owner="ada")
        found = await Authorizer(rbac, grants=Known(NOTHING)).allowed_of(ADA, environments(1000) + own)
        assert found == own
        assert asked(rbac) == {"/"}

    async def test_a_namespace_s_yes_settles_all_of_it(self) -> None:
        rbac = Rbac()
        rbac.grants.add(("ada", "red", ""))
        known = Known(NOTHING._replace(namespaces=frozenset({"red"})))
        found = await Authorizer(rbac, grants=known).allowed_of(ADA, environments(500))
        assert {item.key.namespace for item in found} == {"red"}
        assert len(found) == 500
        assert asked(rbac) == {"/", "red/"}

    async def test_a_named_one_is_found_beside_a_namespace_s_no(self) -> None:
        rbac = Rbac()
        rbac.grants |= {("ada", "red", "env-1"), ("ada", "blue", "env-2")}
        known = Known(Prospects(frozenset({"red"}), frozenset({Key("red", "env-1")}), frozenset({"env-2"})))
        found = await Authorizer(rbac, grants=known).allowed_of(ADA, environments(500))
        assert [str(item.key) for item in found] == ["red/env-1", "blue/env-2"]
        assert asked(rbac) == {"/", "red/", "red/env-1", "red/env-2", "blue/env-2"}

    async def test_a_role_alone_opens_nothing(self) -> None:
        """The API server's answer counts, and not what this server reads in roles."""
        known = Known(Prospects(frozenset({"red", "blue"}), frozenset({Key("red", "env-1")}), frozenset({"env-2"})))
        assert await Authorizer(Rbac(), grants=known).allowed_of(ADA, environments()) == []

    @pytest.mark.parametrize("grants", [None, Known(None)])
    async def test_while_nothing_is_known_everything_is_asked(self, grants: Known | None) -> None:
        rbac = Rbac()
        rbac.grants |= {("ada", "red", ""), ("ada", "blue", "env-2")}
        found = await Authorizer(rbac, grants=grants).allowed_of(ADA, environments())
        assert len(found) == 4
        assert asked(rbac) == {"/", "red/", "blue/", "blue/env-0", "blue/env-1", "blue/env-2"}

    async def test_roles_say_nothing_about_people_of_kubesphere(self) -> None:
        asked: list[str] = []

        class Console:
            async def allowed(self, token: str, question: Question) -> bool:
                asked.append(str(question.key))
                return question.key == Key("blue", "")

        authorizer = Authorizer(Rbac(), grants=Known(NOTHING), kubesphere=Console())
        found = await authorizer.allowed_of(ADA._replace(token=Secret("t")), environments(1))
        assert [item.key.namespace for item in found] == ["blue"]
        assert {"red/", "blue/", "red/env-0"} <= set(asked)

    async def test_an_api_server_that_is_away_shows_what_is_one_s_own(self) -> None:
        rbac = Rbac()
        rbac.broken = True
        own = environments(1, namespaces=("green",), owner="ada")
        assert await Authorizer(rbac).allowed_of(ADA, environments() + own) == own

    async def test_rights_of_many_take_as_few_questions(self) -> None:
        rbac = Rbac()
        rbac.grants.add(("ada", "", ""))
        rbac.rights.add(("ada", "update", "", "red", ""))
        known = Known(NOTHING._replace(namespaces=frozenset({"red", "blue"})))
        rights = await Authorizer(rbac, grants=known).rights_of(ADA, environments(300))
        assert {right.connect for right in rights} == {True}
        assert [right.manage for right in rights] == [True] * 300 + [False] * 300
        assert {right.delete for right in rights} == {False}
        assert len(rbac.asked) == 7


@contextlib.asynccontextmanager
async def following(api: FakeApiServer) -> AsyncIterator[InformedGrants]:
    async with Client(api.endpoint, field_manager="test") as client:
        grants = InformedGrants(client)
        tasks = [asyncio.create_task(informer.run()) for informer in grants.informers]
        try:
            await asyncio.gather(*(informer.synced.wait() for informer in grants.informers))
            yield grants
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def put_role(api: FakeApiServer, resource: Resource, name: str, *, namespace: str = "", **rule: Any) -> None:
    rule = {"apiGroups": [names.GROUP], "resources": [CONNECT], "verbs": ["create"], **rule}
    api.put(resource, {"metadata": {"name": name, **_in(namespace)}, "rules": [rule]})


def bind(
    api: FakeApiServer, name: str, *, role: str, subject: dict[str, str], kind: str = "ClusterRole", namespace: str = ""
) -> None:
    resource = ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS
    body = {"roleRef": {"kind": kind, "name": role}, "subjects": [subject]}
    api.put(resource, {"metadata": {"name": name, **_in(namespace)}, **body})


def _in(namespace: str) -> dict[str, str]:
    return {"namespace": namespace} if namespace else {}


USER = {"kind": "User", "name": "ada"}
GROUP = {"kind": "Group", "name": "devs"}


class TestProspects:
    @pytest.mark.parametrize(
        ("subject", "hit"),
        [
            (USER, True),
            (GROUP, True),
            ({"kind": "User", "name": "devs"}, False),
            ({"kind": "Group", "name": "x"}, False),
        ],
    )
    async def test_by_subject(self, subject: dict[str, str], hit: bool) -> None:
        async with FakeApiServer() as api:
            put_role(api, ROLES, "all", namespace="red")
            bind(api, "b", role="all", kind="Role", namespace="red", subject=subject)
            async with following(api) as grants:
                assert grants.prospects(ADA) == NOTHING._replace(namespaces=frozenset({"red"} if hit else ()))

    async def test_a_service_account_is_a_user(self) -> None:
        async with FakeApiServer() as api:
            put_role(api, CLUSTER_ROLES, "all")
            account = {"kind": "ServiceAccount", "name": "bot", "namespace": "tools"}
            bind(api, "b", role="all", namespace="red", subject=account)
            async with following(api) as grants:
                found = grants.prospects(Identity("system:serviceaccount:tools:bot"))
                assert found == NOTHING._replace(namespaces=frozenset({"red"}))

    async def test_names_in_a_namespace_and_everywhere(self) -> None:
        async with FakeApiServer() as api:
            put_role(api, CLUSTER_ROLES, "one", resourceNames=["demo"])
            bind(api, "b", role="one", namespace="red", subject=USER)
            put_role(api, CLUSTER_ROLES, "other", resourceNames=["shared"])
            bind(api, "c", role="other", subject=GROUP)
            async with following(api) as grants:
                expected = Prospects(frozenset(), frozenset({Key("red", "demo")}), frozenset({"shared"}))
                assert grants.prospects(ADA) == expected

    async def test_changes_are_followed(self) -> None:
        async with FakeApiServer() as api, following(api) as grants:
            assert grants.prospects(ADA) == NOTHING
            bind(api, "b", role="late", namespace="red", subject=USER)
            put_role(api, CLUSTER_ROLES, "late")
            await eventually(lambda: grants.prospects(ADA) != NOTHING)
            api.remove(ROLE_BINDINGS, Key("red", "b"))
            await eventually(lambda: grants.prospects(ADA) == NOTHING)

    async def test_nothing_is_known_before_the_lists_and_after_a_long_silence(self) -> None:
        async with FakeApiServer() as api:
            async with Client(api.endpoint, field_manager="test") as client:
                assert InformedGrants(client).prospects(ADA) is None
            async with following(api) as grants:
                assert grants.prospects(ADA) == NOTHING
                late = max(informer.last_contact or 0 for informer in grants.informers) + 301
                grants._monotonic = lambda: late
                assert grants.prospects(ADA) is None


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"apiGroups": [names.GROUP], "resources": [CONNECT]}, True),
        ({"apiGroups": [names.GROUP], "resources": [names.INSTANCE_PLURAL]}, True),
        ({"apiGroups": ["*"], "resources": ["*"]}, True),
        ({"apiGroups": [names.GROUP], "resources": ["*/connect"]}, True),
        ({"apiGroups": [names.GROUP], "resources": [f"{names.INSTANCE_PLURAL}/*"]}, True),
        ({"apiGroups": [names.GROUP], "resources": [names.TEMPLATE_PLURAL]}, False),
        ({"apiGroups": [""], "resources": ["*"]}, False),
        ({"nonResourceURLs": ["/healthz"]}, False),
    ],
)
def test_roles_that_matter(rule: dict[str, Any], kept: bool) -> None:
    role = msgspec.convert({"metadata": {"name": "x"}, "rules": [rule]}, Role)
    assert is_about_environments(role) is kept
    assert not is_about_environments(msgspec.convert({"metadata": {"name": "x"}, "rules": None}, Role))
