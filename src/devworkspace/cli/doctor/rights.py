"""Whether operator, server and the caller may do what they have to: the API server is asked, role by role.

The rights of the two parts are those of deploy/rbac.yaml; tests/contract/test_doctor.py compares them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

import msgspec

from devworkspace.api import names
from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.scene import OPERATOR, SERVER, Scene
from devworkspace.kube.client import Client
from devworkspace.kube.codec import decode
from devworkspace.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS
from devworkspace.kube.review import AccessReviewer

_SHOWN: Final = 6
_RBAC: Final = "rbac.authorization.k8s.io"
rights = Report("rights")
own_rights = Report("own-rights")


class Rule(NamedTuple):
    """Words with spaces between them; `only` are the names of the objects that it is about, if not all."""

    verbs: str
    group: str
    resources: str
    only: str = ""


class Question(NamedTuple):
    """One right in one place; an empty namespace means the whole cluster."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        whole = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {whole}" + (f" {self.name}" if self.name else "")


OPERATOR_CLUSTER: Final = (
    Rule("list watch", names.GROUP, "workspaceinstances ideworkspacetemplates"),
    Rule("get patch delete", names.GROUP, "workspaceinstances"),
    Rule("patch", names.GROUP, "workspaceinstances/status ideworkspacetemplates/status"),
    Rule("get list watch create patch delete", "", "pods"),
    Rule("get list watch create patch delete", "", "persistentvolumeclaims"),
    Rule("get", "apiextensions.k8s.io", "customresourcedefinitions", f"workspaceinstances.{names.GROUP}"),
    Rule("get list watch create patch", "", "services"),
    Rule("create patch", "", "secrets"),
    Rule("get list watch", "", "namespaces"),
    Rule("create patch", "", "events"),
    Rule("list watch", "", "events nodes"),
    Rule("get list watch create patch delete", "networking.k8s.io", "networkpolicies"),
)
OPERATOR_SYSTEM: Final = (
    Rule("create", "coordination.k8s.io", "leases"),
    Rule("update", "coordination.k8s.io", "leases", names.OPERATOR_LEASE),
    Rule("get", "coordination.k8s.io", "leases", f"{names.OPERATOR_LEASE} {names.ACTIVITY_LEASE}"),
    Rule("list watch", "", "configmaps", names.LIMITS_CONFIG_MAP),
    Rule("list watch create patch delete", "apps", "daemonsets"),
    Rule("list watch", "", "pods"),
    Rule("get", "apps", "deployments", names.OPERATOR_DEPLOYMENT),
)
SERVER_CLUSTER: Final = (
    Rule("list watch", names.GROUP, "workspaceinstances"),
    Rule("create patch delete", names.GROUP, "workspaceinstances"),
    Rule("create", names.GROUP, "workspaceinstances/owner"),
    Rule("patch", names.GROUP, "workspaceinstances/status"),
    Rule("list watch", names.GROUP, "ideworkspacetemplates"),
    Rule("list watch", "", "pods namespaces"),
    Rule("get", names.GROUP, "workspaceinstances"),
    Rule("get create update delete", names.GROUP, "ideworkspacetemplates"),
    Rule("get list watch delete", "", "persistentvolumeclaims"),
    Rule("list", "", "events resourcequotas limitranges"),
    Rule("get", "", "pods/log"),
    Rule("list watch", _RBAC, "roles clusterroles rolebindings clusterrolebindings"),
    Rule("get", "metrics.k8s.io", "pods"),
    Rule("list", "storage.k8s.io", "storageclasses"),
    Rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    Rule("create", "authentication.k8s.io", "tokenreviews"),
)
SERVER_SYSTEM: Final = (
    Rule("get list watch patch", "", "configmaps", "devworkspace-revocations"),
    Rule("list watch", "", "configmaps", names.LIMITS_CONFIG_MAP),
    Rule("get patch", "", "configmaps", "devworkspace-codes devworkspace-renewals"),
    Rule("patch", "coordination.k8s.io", "leases", names.ACTIVITY_LEASE),
    Rule("get", "coordination.k8s.io", "leases", f"{names.OPERATOR_LEASE} {names.ACTIVITY_LEASE}"),
)
# What the commands of this program do in a namespace.
DEVELOPER: Final = (
    Rule("get list create patch delete", names.GROUP, "workspaceinstances"),
    Rule("get list delete", "", "persistentvolumeclaims"),
    Rule("list", "", "events"),
    Rule("get", "", "pods pods/log"),
)
_CATALOGUE: Final = (Rule("get list", names.GROUP, "ideworkspacetemplates"),)


def questions(rules: tuple[Rule, ...], namespace: str) -> Iterator[Question]:
    for rule in rules:
        for resource in rule.resources.split():
            plural, _, subresource = resource.partition("/")
            for verb in rule.verbs.split():
                for name in rule.only.split() or [""]:
                    yield Question(verb, rule.group, plural, subresource, namespace, name)


async def check_part(scene: Scene, name: str) -> list[Finding]:
    """What the account of one part may do."""
    cluster, system = {OPERATOR: (OPERATOR_CLUSTER, OPERATOR_SYSTEM), SERVER: (SERVER_CLUSTER, SERVER_SYSTEM)}[name]
    part = scene.parts[name]
    account = part.spec.template.spec.service_account_name if part is not None else name
    user = f"system:serviceaccount:{scene.system}:{account}"
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{scene.system}", "system:authenticated")
    reviewer = AccessReviewer(scene.client)

    async def may(question: Question) -> bool:
        return await reviewer.allowed(user, groups, {}, **question._asdict())

    wanted = {*questions(cluster, ""), *questions(system, scene.system)}
    if missing := await _refused(wanted, may):
        return [rights.problem("rights.missing", account=user, rights=_some(missing))]
    return [rights.ok("rights.ok", account=user, count=len(wanted))]


async def check_caller(client: Client, namespace: str) -> list[Finding]:
    """What the person who asks may do with this program."""
    wanted = {*questions(_CATALOGUE, ""), *questions(DEVELOPER, namespace)}
    if missing := await _refused(wanted, partial(_may_self, client)):
        return [own_rights.advice("own-rights.missing", namespace=namespace, rights=_some(missing))]
    return [own_rights.ok("own-rights.ok", namespace=namespace)]


async def _refused(wanted: set[Question], may: Callable[[Question], Awaitable[bool]]) -> list[Question]:
    ordered = sorted(wanted)
    answers = await asyncio.gather(*(may(question) for question in ordered))
    return [question for question, allowed in zip(ordered, answers, strict=True) if not allowed]


class _ReviewStatus(msgspec.Struct, frozen=True):
    allowed: bool


class _Review(msgspec.Struct, frozen=True):
    status: _ReviewStatus


async def _may_self(client: Client, question: Question) -> bool:
    body = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": question._asdict()},
    }
    path, resource = SELF_SUBJECT_ACCESS_REVIEWS.path(), SELF_SUBJECT_ACCESS_REVIEWS.plural
    answer = await client.raw("POST", path, resource=resource, body=body, idempotent=True)
    return decode(answer, _Review, what=SELF_SUBJECT_ACCESS_REVIEWS.kind).status.allowed


def _some(missing: list[Question]) -> str:
    shown = ", ".join(str(question) for question in missing[:_SHOWN])
    return shown + (f" (+{len(missing) - _SHOWN})" if len(missing) > _SHOWN else "")
