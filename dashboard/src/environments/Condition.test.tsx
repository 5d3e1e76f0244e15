import { act, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { setLanguage } from "../i18n";
import { makeEnvironment } from "../testing/builders";
import { serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const OPERATORS_WORDS = "An English sentence of the operator.";

function goingOn(part: Parameters<typeof makeEnvironment>[0]) {
  return makeEnvironment({ message: OPERATORS_WORDS, ...part });
}

const starting = goingOn({
  name: "starting",
  phase: "Provisioning",
  reason: "Starting",
  startup: {
    requestedAt: new Date(Date.now() - 20_000).toISOString(),
    usual: null,
    stages: [
      { id: "disk", state: "done", startedAt: null, finishedAt: null },
      { id: "image", state: "running", startedAt: new Date(Date.now() - 12_200).toISOString(), finishedAt: null },
    ],
  },
});

test("a start tells its stage and the seconds in it", async () => {
  serveEnvironments(starting);
  show("/envs");
  expect(await screen.findByText(/^Image, 1\d sec$/)).toBeVisible();
});

test("what goes on is told in the page's language, not in the operator's", async () => {
  act(() => setLanguage("zh"));
  serveEnvironments(
    starting,
    goingOn({ name: "again", phase: "Provisioning", reason: "Starting" }),
    goingOn({ name: "slow-disk", phase: "Provisioning", reason: "VolumePending" }),
    goingOn({ name: "stopping", phase: "Stopping", reason: "Stopping" }),
    goingOn({ name: "lost", phase: "Stopping", reason: "NodeLost" }),
    goingOn({ name: "deleting", phase: "Deleting", reason: "Deleting" }),
  );
  show("/envs");
  expect(await screen.findByText(/^镜像，1\d ?秒/)).toBeVisible();
  for (const words of [
    "正在准备磁盘和编辑器",
    "磁盘尚未就绪",
    "编辑器正在退出，磁盘会保留",
    "节点无响应",
    "正在移除",
  ]) {
    expect(screen.getByText(words)).toBeVisible();
  }
  expect(screen.queryByText(OPERATORS_WORDS)).toBeNull();
  act(() => setLanguage("en"));
});

test("a reason that is new here is told in the operator's words, marked as English", async () => {
  serveEnvironments(goingOn({ phase: "Provisioning", reason: "SomethingNew" }));
  show("/envs");
  expect(await screen.findByText(OPERATORS_WORDS)).toHaveAttribute("lang", "en");
});
