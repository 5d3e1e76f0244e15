import { act, screen, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import type { EnvironmentView, GitView } from "../api/schema";
import { setLanguage } from "../i18n";
import { formatMoment } from "../model/times";
import { makeEnvironment, makeForeign, makeGit } from "../testing/builders";
import { FakeEventSource } from "../testing/events";
import { record, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const REASONS = [
  "login-required",
  "not-found",
  "unreachable",
  "ref-not-found",
  "disk-full",
  "directory-exists",
  "other",
] as const;

async function open(git: Partial<GitView> | null, part: Partial<EnvironmentView> = {}) {
  serveEnvironments(makeEnvironment({ ...part, git: git === null ? null : makeGit(git) }));
  const shown = show("/envs/team/demo");
  await screen.findByRole("heading", { level: 1 });
  return shown;
}

const region = () => screen.findByRole("region", { name: "Git repository" });
const nothing = { branch: null, changedFiles: null, unpushedCommits: null };

describe("the repository of an environment", () => {
  test("is not spoken of where there is none", async () => {
    await open(null);
    expect(await screen.findByRole("heading", { name: "Ways to connect" })).toBeVisible();
    expect(screen.queryByRole("region", { name: "Git repository" })).toBeNull();
  });

  test("is told with what is not pushed, and when the pod looked", async () => {
    await open({ ref: "main", branch: "feature/x", changedFiles: 2, unpushedCommits: 1 });
    const part = await region();
    expect(within(part).getByRole("link", { name: "git.example.com/team/demo" })).toHaveAttribute(
      "href",
      "https://git.example.com/team/demo.git",
    );
    expect(within(part).getByText("Cloned")).toBeVisible();
    expect(within(part).getByText("feature/x")).toBeVisible();
    expect(within(part).getByText("~/demo")).toBeVisible();
    expect(within(part).getByText(/^2 changed files, 1 commit not pushed/)).toBeVisible();
    expect(within(part).getByText(`as of ${formatMoment("2026-11-26T14:02:00Z")}`)).toBeVisible();
  });

  test.each([
    [{ changedFiles: 0, unpushedCommits: 0 }, /^everything is committed and pushed/],
    [{ changedFiles: 1000, unpushedCommits: 0 }, /^1000\+ changed files/],
    [{ changedFiles: null, unpushedCommits: null }, /^not known$/],
  ])("counts %j", async (counts, words) => {
    await open(counts);
    expect(within(await region()).getByText(words)).toBeVisible();
  });

  test("follows the clone while somebody looks, and never holds Open back", async () => {
    await open({ ...nothing, state: "cloning" });
    expect(await screen.findByText("Being cloned. The editor can be used meanwhile.")).toBeVisible();
    expect(screen.getByRole("link", { name: /^Open/ })).toBeVisible();
    const cloned = makeEnvironment({ git: makeGit(), resourceVersion: "11" });
    act(() => FakeEventSource.latest.say("environment", cloned));
    expect(await screen.findByText("Cloned")).toBeVisible();
  });

  test("of one that is stopped is not known, and of one that runs not yet", async () => {
    await open({ ...nothing, state: null, asOf: null }, { phase: "Stopped" });
    expect(await screen.findByText("Not known; the environment tells it while it runs.")).toBeVisible();
    act(() =>
      FakeEventSource.latest.say(
        "environment",
        makeEnvironment({ git: makeGit({ ...nothing, state: null, asOf: null }), resourceVersion: "11" }),
      ),
    );
    expect(await screen.findByText("Not known yet; the environment tells it by itself.")).toBeVisible();
  });
});

describe("a clone that failed", () => {
  test.each(REASONS)("because of %s says why and what to do, in both languages", async (reason) => {
    await open({ ...nothing, state: "failed", reason, ref: "v9", message: "fatal: words of Git" });
    const part = await region();
    const title = () => within(part).getAllByRole("status")[0];
    const english = title()?.textContent ?? "";
    expect(english).not.toMatch(/git\.(reason|next)/);
    expect(within(part).getByText("fatal: words of Git")).toBeInTheDocument();
    expect(within(part).getByRole("button", { name: "Restart and clone again" })).toBeVisible();
    act(() => setLanguage("zh"));
    const chinese = title()?.textContent ?? "";
    expect(chinese).toMatch(/[\u4e00-\u9fff]/);
    expect(chinese).not.toMatch(/git\.(reason|next)/);
    act(() => setLanguage("en"));
  });

  test("is tried again by a restart, for whom may do that", async () => {
    const asked = record("post", "/restart");
    const { user } = await open({ ...nothing, state: "failed", reason: "unreachable" });
    await user.click(await screen.findByRole("button", { name: "Restart and clone again" }));
    await screen.findByText(/is being restarted/);
    expect(asked).toEqual(["team/environments/demo/restart"]);
  });

  test("is only told to whom may not restart it", async () => {
    serveEnvironments({ ...makeForeign("Running"), git: makeGit({ ...nothing, state: "failed", reason: "other" }) });
    show("/envs/team/foreign");
    expect(await screen.findByText("The repository could not be cloned")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Restart and clone again" })).toBeNull();
  });
});
