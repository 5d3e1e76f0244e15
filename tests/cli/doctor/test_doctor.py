"""The doctor in front of an installation: all is well, or one thing is wrong, and is found with its next step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.cli.doctor import network as probe
from devworkspace.cli.doctor.objects import BINDINGS, JOBS, POLICIES
from devworkspace.cli.doctor.words import TITLES
from devworkspace.kube import resource as kinds
from devworkspace.kube.clock import micro_timestamp, now
from tests.cli.doctor.conftest import (
    OPERATOR,
    SERVED,
    SERVER,
    SYSTEM,
    Installation,
    put_lease,
    put_storage_class,
)
from tests.support.fake_apiserver import CRDS, TEMPLATES
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

INSTANCE_CRD = Key("", "workspaceinstances.devworkspace.kubesphere.io")
BOUND = Key("", "devworkspace-owners")
BY_UID = Key("", "devworkspace-children-by-uid")
CLASS = Key("", "local")


async def test_all_is_well(installation: Installation) -> None:
    status, found = await installation.examine()
    assert [finding for finding in found if finding["verdict"] != "ok"] == []
    assert {finding["check"] for finding in found} == set(TITLES)
    assert status == 0


async def test_nothing_is_left_of_the_probe(installation: Installation) -> None:
    status, _ = await installation.examine()
    assert status == 0
    made = [request.resource for request in installation.server.writes if request.verb == "create"]
    assert made == ["jobs", "pods", "networkpolicies"]
    server = installation.server
    await eventually(
        lambda: not any(server.objects(kind, SYSTEM) for kind in (JOBS, kinds.PODS, kinds.NETWORK_POLICIES))
    )


def definition_lacks(installation: Installation) -> None:
    definition = installation.server.get(CRDS, INSTANCE_CRD)
    assert definition is not None
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del spec["lifecycle"]["properties"]["keepAwakeUntil"]


def definition_has_more(installation: Installation) -> None:
    definition = installation.server.get(CRDS, INSTANCE_CRD)
    assert definition is not None
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["status"]["properties"]["mood"] = {"type": "string"}


def definition_serves_another_version(installation: Installation) -> None:
    definition = installation.server.get(CRDS, INSTANCE_CRD)
    assert definition is not None
    definition["spec"]["versions"][0]["name"] = "v1"


def definition_is_not_established(installation: Installation) -> None:
    condition = {"type": "Established", "status": "False", "reason": "Installing", "message": "names clash"}
    installation.server.set_status(CRDS, INSTANCE_CRD, {"conditions": [condition]})


def operator_is_not_ready(installation: Installation) -> None:
    condition = {"type": "Available", "status": "False", "reason": "Minimum", "message": "Quota is used up."}
    status = {"observedGeneration": 1, "updatedReplicas": 2, "readyReplicas": 1, "conditions": [condition]}
    installation.server.set_status(kinds.DEPLOYMENTS, OPERATOR, status)


def image(name: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "operator", "image": name}]}}}}


def policy_only_warns(installation: Installation) -> None:
    installation.patch(BINDINGS, BOUND, {"spec": {"validationActions": ["Warn"]}})


def two_defaults(installation: Installation) -> None:
    put_storage_class(installation.server, "other")


def clock_is_off(installation: Installation) -> None:
    installation.server.clock = lambda: now() + timedelta(minutes=5)


# What is done, the check that finds it, its verdict, part of its reason, part of the next step.
BROKEN: dict[str, tuple[Callable[[Installation], object], str, str, str, str]] = {
    "a definition is missing": (
        lambda it: it.server.remove(CRDS, INSTANCE_CRD),
        *("definitions", "problem", INSTANCE_CRD.name, "devworkspace-crds"),
    ),
    "a definition is older": (
        definition_lacks,
        *("definitions", "problem", "spec.lifecycle.keepAwakeUntil", "./install.sh"),
    ),
    "a definition is newer": (definition_has_more, *("definitions", "advice", "status.mood", "command line")),
    "a definition has no version of ours": (
        definition_serves_another_version,
        *("definitions", "problem", "only: v1", "./install.sh"),
    ),
    "a definition is not in force": (
        definition_is_not_established,
        *("definitions", "problem", "names clash", f"kubectl describe crd {INSTANCE_CRD.name}"),
    ),
    "a part is missing": (
        lambda it: it.server.remove(kinds.DEPLOYMENTS, OPERATOR),
        *("parts", "problem", "devworkspace-operator", "--system-namespace"),
    ),
    "a part is not ready": (operator_is_not_ready, *("parts", "problem", "1 of 2 ready. Quota is used up.", "kubectl")),
    "a part is off": (
        lambda it: it.patch(kinds.DEPLOYMENTS, OPERATOR, {"spec": {"replicas": 0}}),
        *("parts", "problem", "devworkspace-operator is scaled to 0", "kubectl scale deployment devworkspace-operator"),
    ),
    "a part is of another version": (
        lambda it: it.patch(kinds.DEPLOYMENTS, OPERATOR, image("localhost/devworkspace/devworkspace:9.9.9")),
        *("versions", "problem", "devworkspace:9.9.9", "run it again"),
    ),
    "nobody leads": (
        lambda it: it.server.remove(kinds.LEASES, OPERATOR),
        *("leader", "problem", "nobody holds", "kubectl logs"),
    ),
    "the leader is gone": (
        lambda it: put_lease(it.server, micro_timestamp(now() - timedelta(hours=1, seconds=30))),
        *("leader", "problem", "devworkspace-operator-1 was heard of last 1h", "kubectl logs"),
    ),
    "a policy is missing": (
        lambda it: it.server.remove(POLICIES, BOUND),
        *("policies", "problem", "missing: devworkspace-owners", "deploy/policies.yaml"),
    ),
    "a policy is not bound": (
        lambda it: it.server.remove(BINDINGS, BOUND),
        *("policies", "problem", "do nothing: devworkspace-owners", "deploy/policies.yaml"),
    ),
    "the first binding of two is missing": (
        lambda it: it.server.remove(BINDINGS, Key("", "devworkspace-children")),
        *("policies", "problem", "part of what it is for: devworkspace-children.", "deploy/policies.yaml"),
    ),
    "the second binding of two is missing": (
        lambda it: it.server.remove(BINDINGS, BY_UID),
        *("policies", "problem", "part of what it is for: devworkspace-children-by-uid.", "deploy/policies.yaml"),
    ),
    "one binding of two only warns": (
        lambda it: it.patch(BINDINGS, BY_UID, {"spec": {"validationActions": ["Warn"]}}),
        *("policies", "problem", "only warn or audit: devworkspace-children.", "Add Deny"),
    ),
    "a policy only warns": (policy_only_warns, *("policies", "problem", "devworkspace-owners", "Add Deny")),
    "no storage class is the default": (
        lambda it: put_storage_class(it.server, "local", default=False),
        *("storage", "problem", "there are: local", "is-default-class=true"),
    ),
    "two are": (two_defaults, *("storage", "advice", "local, other", "all but one")),
    "disks cannot grow": (
        lambda it: put_storage_class(it.server, "local", allowVolumeExpansion=False),
        *("storage", "advice", "cannot grow", "'{\"allowVolumeExpansion\":true}'"),
    ),
    "disks are made at once": (
        lambda it: put_storage_class(it.server, "local", volumeBindingMode="Immediate"),
        *("storage", "advice", "before it is known", "WaitForFirstConsumer"),
    ),
    "an image is on no node": (
        lambda it: it.server.set_status(kinds.NODES, Key("", "node"), {"images": []}),
        *("images", "advice", "localhost/devworkspace/python:0.1.0", "prePull"),
    ),
    "there is no template": (
        lambda it: it.server.remove(TEMPLATES, Key("", "python")),
        *("images", "advice", "No template", "Publish one"),
    ),
    "nobody measures": (
        lambda it: setattr(it.server, "resources", SERVED[:-1]),
        *("metrics", "advice", "no metrics.k8s.io", "metrics-server"),
    ),
    "the address cannot work": (
        lambda it: it.set_argument("--public-url", "http://dev.example.com"),
        *("server", "problem", "plain http", "--public-url"),
    ),
    "nobody forwards the port": (
        lambda it: it.set_argument("--public-url", "http://localhost:1"),
        *("server", "advice", "does not answer on this machine", "kubectl port-forward"),
    ),
    "the server is not ready": (
        lambda it: setattr(it, "ready", (503, "the watch on pods is stale\n")),
        *("server", "problem", "the watch on pods is stale", "kubectl logs"),
    ),
    "somebody else answers": (
        lambda it: setattr(it, "ready", (200, "<html>Sign in</html>")),
        *("server", "problem", "Something else", "Service devworkspace-server"),
    ),
    "the operator lacks a right": (
        lambda it: setattr(it.server, "authorize", lambda spec: spec["resourceAttributes"]["resource"] != "services"),
        *("rights", "problem", "create services", "deploy/rbac.yaml"),
    ),
    "a person lacks a right": (
        lambda it: setattr(it.server, "authorize", lambda spec: "user" in spec),
        *("own-rights", "advice", "in namespace team", "ClusterRole edit"),
    ),
    "nobody may ask about rights": (
        lambda it: it.server.faults.append(Fault(resource="subjectaccessreviews", status=403, times=None)),
        *("rights", "unknown", "told to answer 403", "administrator"),
    ),
    "nobody may read the parts": (
        lambda it: it.server.faults.append(Fault(resource="deployments", status=403, times=None)),
        *("parts", "unknown", "told to answer 403", "administrator"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_wrong_is_found(installation: Installation, case: str) -> None:
    spoil, check, verdict, reason, next_step = BROKEN[case]
    spoil(installation)
    status, found = await installation.examine("--no-probe")
    wrong = [finding for finding in found if finding["check"] == check and finding["verdict"] == verdict]
    assert wrong, found
    assert reason in wrong[0]["reason"]
    assert next_step in wrong[0]["next"]
    assert status == {"problem": 1, "unknown": 3, "advice": 0}[verdict]


async def test_each_thing_that_is_wrong_is_told_in_chinese(installation: Installation) -> None:
    installation.server.remove(BINDINGS, BOUND)
    _, found = await installation.examine("--no-probe", locale="zh_CN.UTF-8")
    (wrong,) = [finding for finding in found if finding["verdict"] == "problem"]
    assert wrong["reason"] == "以下策略没有绑定，不起作用：devworkspace-owners。"
    assert "或 helm upgrade" in wrong["next"]


async def test_people_get_lines_with_the_next_step_below(installation: Installation) -> None:
    installation.server.remove(BINDINGS, BOUND)
    result = await installation.shell.run("doctor", "--no-probe")
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("problem"))
    assert lines[at].split("  ")[0] == "problem"
    assert "Nothing binds these policies" in lines[at]
    assert lines[at + 1].strip().startswith("-> kubectl apply")
    assert lines[-1] == "16 fine, 1 with advice, 1 with a problem, 0 not known."
    assert result.exit_code == 1


async def test_a_cluster_that_is_away_is_one_sentence(installation: Installation) -> None:
    await installation.server.stop()
    result = await installation.shell.run("doctor")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1


class TestNetworkPolicies:
    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(probe, "START_SECONDS", 0.4)
        monkeypatch.setattr(probe, "CHANGE_SECONDS", 0.4)
        monkeypatch.setattr(probe, "POLL_SECONDS", 0.05)

    async def find(self, installation: Installation, *options: str) -> dict[str, Any]:
        _, found = await installation.examine(*options)
        (finding,) = [finding for finding in found if finding["check"] == "network-policies"]
        server = installation.server
        left = [kind for kind in (JOBS, kinds.PODS, kinds.NETWORK_POLICIES) if server.objects(kind)]
        assert kinds.NETWORK_POLICIES not in left and JOBS not in left
        return finding

    async def test_a_network_that_ignores_them_is_a_problem(self, installation: Installation) -> None:
        installation.network.enforced = False
        finding = await self.find(installation)
        assert finding["verdict"] == "problem"
        assert "ignores them" in finding["reason"]

    async def test_pods_that_never_meet_say_nothing(self, installation: Installation) -> None:
        installation.network.reachable = False
        finding = await self.find(installation)
        assert finding["verdict"] == "unknown"
        assert "even without a policy" in finding["reason"]

    async def test_a_namespace_that_takes_no_pods_is_named(self, installation: Installation) -> None:
        installation.server.faults.append(Fault(verb="create", resource="jobs", status=403, times=None))
        finding = await self.find(installation, "--probe-namespace=team")
        assert finding["verdict"] == "unknown"
        assert "namespace team: told to answer 403" in finding["reason"]

    async def test_a_probe_that_does_not_start_is_taken_away(self, installation: Installation) -> None:
        installation.server.store.listeners.clear()
        finding = await self.find(installation)
        assert finding["verdict"] == "unknown"
        assert "did not start" in finding["reason"]

    async def test_pods_meet_what_a_restricted_namespace_asks(self, installation: Installation) -> None:
        seen: list[dict[str, Any]] = []
        server = installation.server
        server.store.listeners.append(
            lambda change: seen.append(change.new) if change.resource == kinds.PODS and change.kind == "ADDED" else None
        )
        await self.find(installation)
        assert len(seen) == 2
        for pod in seen:
            spec, (container,) = pod["spec"], pod["spec"]["containers"]
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["automountServiceAccountToken"] is False
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["image"] == "localhost/devworkspace/devworkspace:0.1.0"


async def test_the_pull_secret_goes_along_where_it_is(installation: Installation) -> None:
    secret = {"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "registry"}]}}}}
    installation.patch(kinds.DEPLOYMENTS, SERVER, secret)
    jobs: list[dict[str, Any]] = []
    installation.server.store.listeners.append(
        lambda change: jobs.append(change.new) if change.resource == JOBS and change.kind == "ADDED" else None
    )
    await installation.examine()
    await installation.examine("--probe-namespace=team")
    pulled = [job["spec"]["template"]["spec"]["imagePullSecrets"] for job in jobs]
    assert pulled == [[{"name": "registry"}], []]
