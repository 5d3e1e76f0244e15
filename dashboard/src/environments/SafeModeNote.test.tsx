import { act, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, test } from "vitest";
import type { EnvironmentView } from "../api/schema";
import { setLanguage } from "../i18n";
import { makeEnvironment, makeForeign } from "../testing/builders";
import { record, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const crashed = makeEnvironment({ phase: "Failed", reason: "CrashLoop", message: "It ended with exit code 3." });
const safe = makeEnvironment({ safeMode: true, image: "base:1" });

async function open(environment: EnvironmentView) {
  serveEnvironments(environment);
  const shown = show(`/envs/${environment.namespace}/${environment.name}`);
  await screen.findByRole("heading", { level: 1, name: environment.displayName });
  return shown;
}

const steps = () =>
  within(screen.getByRole("alert"))
    .getAllByRole("button")
    .map((button) => button.textContent);

afterEach(() => act(() => setLanguage("en")));

describe("a safe start", () => {
  test("is the first way out of a crash loop", async () => {
    const asked = record("post", "/start");
    const { user } = await open(crashed);
    expect(steps()[0]).toBe("Safe start");
    await user.click(within(screen.getByRole("alert")).getByRole("button", { name: "Safe start" }));
    expect(await screen.findByText("demo is being started in safe mode.")).toBeVisible();
    expect(asked).toEqual(["team/environments/demo/start?safe=true"]);
  });

  test("is offered where the editor does not answer", async () => {
    await open(makeEnvironment({ phase: "Unreachable", reason: "EditorNotAnswering", message: "It is silent." }));
    expect(steps()).toContain("Safe start");
  });

  test.each([
    ["en", "More actions for demo", "Safe start"],
    ["zh", "demo 的更多操作", "安全模式启动"],
  ] as const)("stands in the menu of a failed one, %s", async (language, more, label) => {
    act(() => setLanguage(language));
    serveEnvironments(crashed);
    const asked = record("post", "/start");
    const { user } = show("/envs");
    await user.click(await screen.findByRole("button", { name: more }));
    await user.click(await screen.findByRole("menuitem", { name: label }));
    expect(asked).toEqual(["team/environments/demo/start?safe=true"]);
  });

  test("is not offered where the installation has no image for it", async () => {
    const { "safe-start": _, ...allowed } = crashed.allowed;
    await open({ ...crashed, allowed });
    expect(steps()).not.toContain("Safe start");
    expect(steps()).toContain("Retry");
  });

  test("is not for whoever may only look", async () => {
    await open({ ...makeForeign("Failed"), reason: "CrashLoop" });
    expect(within(screen.getByRole("alert")).queryByRole("button", { name: "Safe start" })).toBeNull();
  });
});

describe("safe mode", () => {
  test("is told, and a restart leaves it", async () => {
    const asked = record("post", "/restart");
    const { user } = await open(safe);
    const note = screen.getByText("Running in safe mode").closest("[role=status]") as HTMLElement;
    expect(note).toHaveTextContent("The image and settings of template python are not used");
    await user.click(within(note).getByRole("button", { name: "Restart and leave safe mode" }));
    expect(await screen.findByText("demo is being restarted.")).toBeVisible();
    expect(asked).toEqual(["team/environments/demo/restart"]);
  });

  test("is told in Chinese", async () => {
    act(() => setLanguage("zh"));
    await open(safe);
    expect(screen.getByText("安全模式运行中").closest("[role=status]")).toHaveTextContent("未使用环境模板 python");
  });

  test("marks its row, and no other one", async () => {
    serveEnvironments(safe, makeEnvironment({ name: "usual" }));
    show("/envs");
    const row = async (name: string) => (await screen.findByRole("link", { name })).closest("tr") as HTMLElement;
    expect(within(await row("demo")).getByText("Safe mode")).toBeVisible();
    expect(within(await row("usual")).queryByText("Safe mode")).toBeNull();
  });

  test("is no title of one that does not run", async () => {
    await open({ ...crashed, safeMode: true });
    expect(screen.queryByText("Running in safe mode")).toBeNull();
  });
});
