"""The verbs of a developer against an API server: what they send, what they say, what they refuse."""

import asyncio
import json
import re
from typing import Any

import pytest
import yaml

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.cli.environments import deletion
from devworkspace.cli.environments.completion import complete_for_kubectl
from devworkspace.kube.resource import EVENTS, PVCS
from tests.cli.conftest import ROOT
from tests.cli.environments.conftest import Shell, kubeconfig_of
from tests.support.fake_apiserver import INSTANCES, TEMPLATES

RUNNING = {
    "phase": "Running",
    "message": "The editor answers.",
    "url": "http://one.localhost/",
    "observedGeneration": 9,
}
KEPT: dict[str, Any] = {
    "metadata": {
        "name": "old-1",
        "namespace": "team",
        "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_RETAINED: "true"},
        "annotations": {names.ANNOTATION_OWNER: "mia", names.ANNOTATION_INSTANCE: "old"},
    },
    "spec": {"resources": {"requests": {"storage": "5Gi"}}},
}


class TestListing:
    async def test_a_table_for_people(self, shell: Shell) -> None:
        shell.put_instance("one", status=RUNNING, owner="mia")
        result = await shell.run("list")
        head, row = result.stdout.splitlines()
        assert head.split() == ["NAME", "TEMPLATE", "PHASE", "AGE", "MESSAGE"]
        assert row.split()[:3] == ["one", "python", "Running"]
        assert row.endswith("The editor answers.")

    async def test_json_and_yaml_say_the_same(self, shell: Shell) -> None:
        shell.put_instance("one", status=RUNNING)
        first = json.loads((await shell.run("list", "-o", "json")).stdout)
        second = yaml.safe_load((await shell.run("list", "-o", "yaml")).stdout)
        for record in (*first, *second):
            del record["age"]
        assert first == second
        assert (first[0]["name"], first[0]["url"]) == ("one", "http://one.localhost/")

    async def test_only_the_namespace_that_was_meant(self, shell: Shell) -> None:
        shell.put_instance("one")
        assert "one" not in (await shell.run("list", "-n", "other")).output
        assert "one" in (await shell.run("list", "-A")).output

    async def test_what_others_wrote_moves_no_cursor(self, shell: Shell) -> None:
        shell.put_instance("one", status={**RUNNING, "message": "a\x1b[2Jb\nc"})
        output = (await shell.run("list")).stdout
        assert "\x1b" not in output
        assert len(output.splitlines()) == 2

    async def test_templates(self, shell: Shell) -> None:
        assert "Python 3" in (await shell.run("templates")).stdout

    async def test_templates_speak_the_language_of_the_shell(self, shell: Shell) -> None:
        texts = {"zh": {"displayName": "蟒蛇"}, "de": {"displayName": "Schlange"}}
        put_template(shell, "snake", displayName="Snake", description="For scripts.", translations=texts)
        english = (await shell.run("templates")).stdout
        chinese = (await shell.run("templates", locale="zh_CN.UTF-8")).stdout
        assert "Snake" in english
        assert "蟒蛇" not in english
        assert "蟒蛇" in chinese
        assert "Snake" not in chinese
        assert "For scripts." in chinese, "what is not translated is shown as it was written"
        for locale in ("C.UTF-8", "zh_CN.UTF-8"):
            _, record = json.loads((await shell.run("templates", "-o", "json", locale=locale)).stdout)
            assert record["displayName"] == "Snake"
            assert record["translations"] == texts

    async def test_a_region_of_the_language_goes_before_the_language(self, shell: Shell) -> None:
        texts = {"zh": {"displayName": "通用", "description": "说明"}, "zh-CN": {"displayName": "大陆"}}
        put_template(shell, "snake", displayName="Snake", translations=texts)
        chinese = (await shell.run("templates", locale="zh_CN.UTF-8")).stdout
        assert "大陆" in chinese
        assert "说明" in chinese

    async def test_templates_tell_what_replaces_them(self, shell: Shell) -> None:
        put_template(shell, "a", state="Deprecated", replacedBy="b")
        put_template(shell, "b", state="Deprecated", replacedBy="python")
        put_template(shell, "c", state="Deprecated", replacedBy="gone")
        put_template(shell, "d", state="Deprecated", replacedBy="d")

        async def column(locale: str) -> dict[str, str]:
            lines = (await shell.run("templates", locale=locale)).stdout.splitlines()
            cells = [re.split(r" {3,}", line) for line in lines]
            place = cells[0].index("REPLACED BY")
            return {row[0]: row[place] for row in cells[1:]}

        told = {"a": "python", "b": "python", "c": "gone (does not exist)", "d": "d (a circle)", "python": "-"}
        assert await column("C.UTF-8") == told
        assert (await column("zh_CN.UTF-8"))["c"] == "gone（不存在）"
        record = json.loads((await shell.run("templates", "-o", "json")).stdout)[0]
        assert (record["name"], record["replacedBy"]) == ("a", "b"), "programs get what the template says"

    async def test_a_cluster_without_the_product_is_told_apart(self, shell: Shell) -> None:
        shell.server.resources = ()
        result = await shell.run("list")
        assert result.exit_code == 1
        assert "DevWorkspace is not installed there" in result.output
        assert "尚未安装" in (await shell.run("list", locale="zh_CN.UTF-8")).output

    async def test_a_cluster_that_is_away_is_one_sentence(self, shell: Shell) -> None:
        shell.kubeconfig.write_text(json.dumps(kubeconfig_of("http://127.0.0.1:1")))
        result = await shell.run("list")
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert len(result.output.splitlines()) == 1


def put_template(shell: Shell, name: str, **spec: Any) -> None:
    body = {"displayName": name, "environment": {"image": f"{name}:1"}, **spec}
    shell.server.put(TEMPLATES, {"metadata": {"name": name}, "spec": body})


class TestCreation:
    async def test_only_what_was_asked_for_is_sent(self, shell: Shell) -> None:
        result = await shell.run("create", "one", "-t", "python", "--owner=mia", "--no-wait")
        assert result.output == "Environment team/one is created.\n"
        made = shell.instance("one")
        assert made is not None
        assert made["spec"] == {"templateRef": "python", "owner": "mia"}

    async def test_wishes_become_overrides(self, shell: Shell) -> None:
        wishes = ["--cpu=4", "--storage=20Gi", "--stopped", "--display-name=Shop", "--adopt=old-1"]
        await shell.run("create", "one", "-t", "python", "--owner=mia", *wishes)
        made = shell.instance("one")
        assert made is not None
        assert made["spec"]["overrides"] == {"resources": {"limits": {"cpu": "4"}}, "storage": {"size": "20Gi"}}
        assert (made["spec"]["running"], made["spec"]["displayName"]) == (False, "Shop")
        assert made["metadata"]["annotations"] == {names.ANNOTATION_ADOPT_VOLUME: "old-1"}

    async def test_a_repository_is_asked_for_and_described(self, shell: Shell) -> None:
        address = "https://git.example.com/team/shop.git"
        await shell.run("create", "one", "-t", "python", "--owner=mia", f"--git={address}", "--git-ref=v1", "--no-wait")
        made = shell.instance("one")
        assert made is not None
        assert made["spec"]["git"] == {"repository": address, "ref": "v1"}
        assert f"repository={address}, ref=v1" in (await shell.run("describe", "one")).stdout

    async def test_a_branch_without_a_repository_is_a_mistake(self, shell: Shell) -> None:
        result = await shell.run("create", "one", "-t", "python", "--git-ref=main", "--no-wait")
        assert result.exit_code == 2
        assert "--git as well" in result.output
        assert shell.instance("one") is None

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["-t", "python", "--cpu=5"], "cpu"),
            (["-t", "nothing"], "Template 'nothing' does not exist"),
        ],
    )
    async def test_what_would_stay_pending_is_not_made(self, shell: Shell, arguments: list[str], sentence: str) -> None:
        result = await shell.run("create", "one", "--owner=mia", "--no-wait", *arguments)
        assert result.exit_code == 1
        assert sentence in result.output
        assert shell.instance("one") is None

    async def test_a_dry_run_makes_nothing(self, shell: Shell) -> None:
        result = await shell.run("create", "one", "-t", "python", "--owner=mia", "--dry-run")
        assert result.output == "Environment team/one would be created.\n"

    async def test_a_variable_needs_a_name(self, shell: Shell) -> None:
        result = await shell.run("create", "one", "-t", "python", "--env", "=x")
        assert result.exit_code == 2
        assert "'=x' is not NAME=VALUE" in result.output

    @pytest.mark.parametrize("name", ["bad_name", "Bad", "1st", "a-", "a.b", "x" * 64, ""])
    async def test_a_name_that_the_api_would_refuse_is_told_at_once(self, shell: Shell, name: str) -> None:
        for arguments in (["create", name, "-t", "python"], ["adopt", "disk", name]):
            result = await shell.run(*arguments)
            assert result.exit_code == 2
            assert f"an environment cannot be called {name!r}: at most 63 lower-case letters" in result.output
        assert shell.server.requests == []

    def test_the_rule_for_names_is_the_definition_s(self) -> None:
        definition = (ROOT / "crds" / "workspace_instance_crd.yaml").read_text(encoding="utf-8")
        assert f"self.metadata.name.matches('^{names.INSTANCE_NAME}$')" in definition


class TestStartAndStop:
    async def test_stop_and_start(self, shell: Shell) -> None:
        shell.put_instance("one", status=RUNNING, running=True)
        assert (await shell.run("stop", "one")).output == "Environment team/one is stopping; its disk is kept.\n"
        stopped = shell.instance("one")
        assert stopped is not None and stopped["spec"]["running"] is False
        result = await shell.run("start", "one")
        assert result.output.splitlines()[-1] == "Environment team/one runs: http://one.localhost/"

    async def test_a_restart_is_a_new_mark(self, shell: Shell) -> None:
        shell.put_instance("one", status=RUNNING)
        await shell.run("restart", "one", "--no-wait")
        restarted = shell.instance("one")
        assert restarted is not None and names.ANNOTATION_RESTARTED_AT in restarted["metadata"]["annotations"]

    @pytest.mark.parametrize("command", [("restart",), ("start", "--safe")])
    async def test_what_could_not_start_again_goes_on(self, shell: Shell, command: tuple[str, ...]) -> None:
        gone = {
            "type": "TemplateResolved",
            "status": "False",
            "reason": reasons.TEMPLATE_MISSING,
            "message": "Template 'python' does not exist.",
            "lastTransitionTime": "2026-11-26T08:00:00Z",
        }
        shell.put_instance("one", status={**RUNNING, "observedGeneration": 1, "conditions": [gone]})
        result = await shell.run(*command, "one", "--no-wait")
        assert result.exit_code == 1
        assert "team/one runs, and could not start again: Template 'python' does not exist." in result.output
        told = (await shell.run(*command, "one", "--no-wait", locale="zh_CN.UTF-8")).output
        assert "停止后将无法再次启动：环境模板不存在：Template 'python'" in told
        kept = shell.instance("one")
        assert kept is not None and "annotations" not in kept["metadata"]

    @pytest.mark.parametrize(("safe_mode", "code"), [(True, 0), (False, 1)])
    async def test_a_safe_start_marks_a_restart_as_safe(self, shell: Shell, safe_mode: bool, code: int) -> None:
        shell.put_instance("one", status={**RUNNING, "phase": "Failed", "startedAt": "2026-11-26T08:00:00Z"})
        waiting = asyncio.create_task(shell.run("start", "--safe", "one"))
        while names.ANNOTATION_SAFE_START not in (shell.instance("one") or {})["metadata"].get("annotations", {}):
            await asyncio.sleep(0.01)
        asked = (shell.instance("one") or {})["metadata"]["annotations"]
        assert asked[names.ANNOTATION_SAFE_START] == asked[names.ANNOTATION_RESTARTED_AT]
        started = {**RUNNING, "startedAt": "2026-11-26T09:00:00Z", **({"safeMode": True} if safe_mode else {})}
        shell.server.set_status(INSTANCES, Key("team", "one"), started)
        result = await waiting
        assert result.exit_code == code
        assert ("runs in safe mode" in result.output) is safe_mode
        assert ("offers no safe start" in result.output) is not safe_mode

    async def test_a_restart_waits_for_another_start_than_the_one_before(self, shell: Shell) -> None:
        before, after = "2026-11-26T08:00:00Z", "2026-11-26T09:00:00Z"
        shell.put_instance("one", status={**RUNNING, "startedAt": before})
        result = await shell.run("restart", "one", "--timeout=1")
        assert result.exit_code == 1
        assert "does not run after 1 s. Running: not seen by the operator yet" in result.output
        shell.put_instance("two", status={**RUNNING, "startedAt": before})
        waiting = asyncio.create_task(shell.run("restart", "two"))
        while names.ANNOTATION_RESTARTED_AT not in (shell.instance("two") or {})["metadata"].get("annotations", {}):
            await asyncio.sleep(0.01)
        shell.server.set_status(INSTANCES, Key("team", "two"), {**RUNNING, "startedAt": after})
        assert (await waiting).output.splitlines()[-1] == "Environment team/two runs: http://one.localhost/"

    async def test_open_prints_the_address_and_starts_what_is_stopped(self, shell: Shell) -> None:
        shell.put_instance("one", status=RUNNING, running=False)
        result = await shell.run("open", "one", "--no-browser")
        assert result.stdout.splitlines()[-1] == "http://one.localhost/"
        opened = shell.instance("one")
        assert opened is not None and opened["spec"]["running"] is True

    async def test_a_failure_ends_the_waiting_with_its_reason(self, shell: Shell) -> None:
        shell.put_instance("one", status={"phase": "Failed", "message": "No image.", "observedGeneration": 9})
        result = await shell.run("start", "one")
        assert (result.exit_code, result.output.splitlines()[-1]) == (
            1,
            "Error: Environment team/one failed: No image.",
        )

    async def test_waiting_ends_in_time_and_says_for_what(self, shell: Shell) -> None:
        shell.put_instance("one")
        result = await shell.run("start", "one", "--timeout=1")
        assert result.exit_code == 1
        assert "does not run after 1 s. Pending: not seen by the operator yet" in result.output

    async def test_an_unknown_name_is_told(self, shell: Shell) -> None:
        result = await shell.run("stop", "nobody")
        assert result.exit_code == 1
        assert "There is no environment team/nobody" in result.output


class TestEnds:
    async def test_a_deletion_asks_and_keeps_the_disk(self, shell: Shell) -> None:
        shell.put_instance("one", status={**RUNNING, "pvcName": "one-1"}, dataPolicy="Retain")
        refused = await shell.run("delete", "one", answer="n\n")
        assert "Its disk one-1 is kept." in refused.output
        assert shell.instance("one") is not None
        await shell.run("delete", "one", answer="y\n")
        assert shell.instance("one") is None

    async def test_without_the_operators_word_no_disk_is_deleted(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deletion, "CONSENT_SECONDS", 0.2)
        shell.put_instance("one", status={**RUNNING, "dataPolicy": "Retain"}, dataPolicy="Retain")
        result = await shell.run("delete", "one", "--data=delete", "--yes")
        assert result.exit_code == 1
        assert "nothing was deleted" in result.output
        assert shell.instance("one") is not None

    async def test_with_it_the_environment_goes(self, shell: Shell) -> None:
        shell.put_instance("one", status={**RUNNING, "dataPolicy": "Delete"}, dataPolicy="Delete")
        assert (await shell.run("delete", "one", "--data=delete", "--yes")).exit_code == 0
        assert shell.instance("one") is None

    async def test_a_kept_disk_is_listed_and_purged_only_on_yes(self, shell: Shell) -> None:
        shell.server.put(PVCS, KEPT)
        listed = (await shell.run("volumes")).stdout
        assert listed.splitlines()[1].split()[:4] == ["old-1", "old", "mia", "5Gi"]
        await shell.run("purge", "old-1", answer="n\n")
        assert shell.server.get(PVCS, Key("team", "old-1")) is not None
        await shell.run("purge", "old-1", answer="y\n")
        assert shell.server.get(PVCS, Key("team", "old-1")) is None

    async def test_a_disk_in_use_is_not_purged(self, shell: Shell) -> None:
        shell.put_instance("one")
        living = shell.server.get(INSTANCES, Key("team", "one"))
        assert living is not None
        labels = {**KEPT["metadata"]["labels"], names.LABEL_INSTANCE_UID: living["metadata"]["uid"]}
        shell.server.put(PVCS, {**KEPT, "metadata": {**KEPT["metadata"], "labels": labels}})
        result = await shell.run("purge", "old-1", "--yes")
        assert result.exit_code == 1
        assert shell.server.get(PVCS, Key("team", "old-1")) is not None

    async def test_a_volume_of_somebody_else_is_no_kept_disk(self, shell: Shell) -> None:
        shell.server.put(PVCS, {**KEPT, "metadata": {"name": "db", "namespace": "team"}})
        assert (await shell.run("purge", "db", "--yes")).exit_code == 1
        assert shell.server.get(PVCS, Key("team", "db")) is not None


class TestAdoption:
    async def test_name_template_and_owner_are_the_earlier_ones(self, shell: Shell) -> None:
        notes = {
            **KEPT["metadata"]["annotations"],
            names.ANNOTATION_TEMPLATE: "python",
            names.ANNOTATION_OWNER_SUBJECT: "oidc:7",
        }
        shell.server.put(PVCS, {**KEPT, "metadata": {**KEPT["metadata"], "annotations": notes}})
        result = await shell.run("adopt", "old-1", "--no-wait")
        assert result.output == "Environment team/old is created.\n"
        made = shell.instance("old")
        assert made is not None
        assert made["spec"] == {"templateRef": "python", "owner": "mia"}
        assert made["metadata"]["annotations"] == {
            names.ANNOTATION_ADOPT_VOLUME: "old-1",
            names.ANNOTATION_OWNER_SUBJECT: "oidc:7",
        }

    async def test_a_disk_that_does_not_tell_its_template_wants_one(self, shell: Shell) -> None:
        shell.server.put(PVCS, KEPT)
        refused = await shell.run("adopt", "old-1", "new", "--no-wait")
        assert refused.exit_code == 1
        assert "Name one with --template" in refused.output
        assert (await shell.run("adopt", "old-1", "new", "-t", "python", "--no-wait")).exit_code == 0
        made = shell.instance("new")
        assert made is not None and made["metadata"]["annotations"] == {names.ANNOTATION_ADOPT_VOLUME: "old-1"}

    async def test_a_disk_in_use_is_not_adopted(self, shell: Shell) -> None:
        shell.put_instance("one")
        living = shell.instance("one")
        assert living is not None
        labels = {**KEPT["metadata"]["labels"], names.LABEL_INSTANCE_UID: living["metadata"]["uid"]}
        shell.server.put(PVCS, {**KEPT, "metadata": {**KEPT["metadata"], "labels": labels}})
        result = await shell.run("adopt", "old-1", "new", "-t", "python", "--no-wait")
        assert result.exit_code == 1
        assert shell.instance("new") is None


async def test_one_environment_in_full(shell: Shell) -> None:
    condition = {"type": "Ready", "status": "True", "reason": "Answering", "message": "The editor answers."}
    overrides = {"resources": {"limits": {"cpu": "2"}}}
    shell.put_instance("one", status={**RUNNING, "conditions": [condition]}, owner="mia", overrides=overrides)
    lines = (await shell.run("describe", "one")).stdout.splitlines()
    assert ["OWNER", "mia"] in [line.split() for line in lines]
    assert ["OVERRIDES", "resources.limits.cpu=2"] in [line.split() for line in lines]
    assert any(line.split()[:2] == ["CONDITIONS", "type=Ready,"] for line in lines)
    record = json.loads((await shell.run("describe", "one", "-o", "json")).stdout)
    assert (record["name"], record["conditions"][0]["reason"]) == ("one", "Answering")


async def test_events_of_the_environment_only(shell: Shell) -> None:
    shell.put_instance("one")
    for number, about in enumerate(("one", "other")):
        event = {
            "metadata": {"name": f"e{number}", "namespace": "team"},
            "involvedObject": {"kind": "WorkspaceInstance", "name": about},
            "reason": f"Reason{number}",
            "lastTimestamp": "2026-11-25T10:00:00Z",
        }
        shell.server.put(EVENTS, event)
    output = (await shell.run("events", "one")).stdout
    assert "Reason0" in output
    assert "Reason1" not in output


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
async def test_the_shell_gets_a_script(shell: Shell, name: str) -> None:
    result = await shell.run("completion", name)
    assert result.exit_code == 0
    assert "_COMPLETE" in result.output


@pytest.mark.parametrize(
    ("arguments", "offered"),
    [
        (["stop", "o"], ["one", ":4"]),
        (["stop", "-n", "other", ""], [":4"]),
        (["create", "x", "--template", "p"], ["python", ":4"]),
        (["adopt", "old"], ["old-1", ":4"]),
        (["purge", ""], ["old-1", ":4"]),
    ],
)
async def test_kubectl_is_told_what_could_follow(
    shell: Shell,
    arguments: list[str],
    offered: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shell.put_instance("one")
    shell.server.put(PVCS, KEPT)
    shell.server.put(PVCS, {**KEPT, "metadata": {"name": "older-db", "namespace": "team"}})
    monkeypatch.setenv("KUBECONFIG", str(shell.kubeconfig))
    monkeypatch.setattr("sys.argv", ["kubectl_complete-devworkspace", *arguments])
    await asyncio.to_thread(complete_for_kubectl)
    assert capsys.readouterr().out.splitlines() == offered


async def test_commands_are_offered_with_what_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["kubectl_complete-devworkspace", "pur"])
    complete_for_kubectl()
    offered, directive = capsys.readouterr().out.splitlines()
    assert offered.startswith("purge\tDelete a disk that")
    assert directive == ":4"
