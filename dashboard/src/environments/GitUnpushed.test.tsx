import { act, screen, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import type { EnvironmentView, GitView } from "../api/schema";
import { setLanguage } from "../i18n";
import { formatMoment } from "../model/times";
import { makeEnvironment, makeGit } from "../testing/builders";
import { api, problem, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const AS_OF = formatMoment("2026-11-26T14:02:00Z");
const STOPPED = "2026-05-04T10:00:00Z";
const unknown = { state: null, branch: null, changedFiles: null, unpushedCommits: null, asOf: null };

/** What the pod answers when it is asked now. */
function serveGit(answer: GitView | number): string[] {
  const asked: string[] = [];
  api.use(
    http.get("*/api/v1/namespaces/:namespace/environments/:name/git", ({ params }) => {
      asked.push(String(params.name));
      return typeof answer === "number" ? problem(answer, "no") : HttpResponse.json(answer);
    }),
  );
  return asked;
}

async function openDialog(part: Partial<EnvironmentView>) {
  serveEnvironments(makeEnvironment(part));
  const { user } = show("/envs");
  await user.click(await screen.findByRole("button", { name: "More actions for demo" }));
  await user.click(await screen.findByRole("menuitem", { name: "Delete" }));
  return { user, dialog: await screen.findByRole("dialog", { name: "Delete demo?" }) };
}

test("what is not pushed is named as the pod says it now", async () => {
  const asked = serveGit(makeGit({ branch: "feature/x", changedFiles: 2, unpushedCommits: 1 }));
  const { dialog } = await openDialog({ git: makeGit() });
  expect(await within(dialog).findByText("Not pushed")).toBeVisible();
  expect(dialog).toHaveTextContent(`demo (feature/x): 2 changed files, 1 commit not pushed – as of ${AS_OF}`);
  expect(asked).toEqual(["demo"]);
});

test("that all is pushed is told, too", async () => {
  serveGit(makeGit());
  const { dialog } = await openDialog({ git: makeGit({ changedFiles: 9 }) });
  expect(await within(dialog).findByText(/everything is committed and pushed/)).toBeVisible();
  expect(within(dialog).queryByText("Not pushed")).toBeNull();
});

test("a pod that does not answer leaves what was known before, with its time", async () => {
  serveGit(503);
  const { dialog } = await openDialog({ git: makeGit({ unpushedCommits: 3 }) });
  expect(await within(dialog).findByText(/3 commits not pushed/)).toBeVisible();
  expect(dialog).toHaveTextContent(`as of ${AS_OF}`);
});

test("what could not be checked is said, in both languages", async () => {
  const asked = serveGit(makeGit());
  const { dialog } = await openDialog({ phase: "Stopped", stoppedAt: STOPPED, git: makeGit(unknown) });
  const since = formatMoment(STOPPED);
  expect(
    within(dialog).getByText(new RegExp(`could not check for unsaved Git work: it has been stopped since ${since}`)),
  ).toBeVisible();
  expect(asked, "nobody can be asked").toEqual([]);
  act(() => setLanguage("zh"));
  expect(within(dialog).getByText(new RegExp(`无法检查未提交的内容：环境自 ${since} 起已停止`))).toBeVisible();
  act(() => setLanguage("en"));
});

test("a clone that failed may have been made by hand since, so that nothing is known of it", async () => {
  const failed = makeGit({ ...unknown, state: "failed", reason: "unreachable" });
  serveGit(failed);
  const { dialog } = await openDialog({ git: failed });
  expect(await within(dialog).findByText(/could not check for unsaved Git work\./)).toBeVisible();
});

test("without a repository nothing is asked; work that is not known of is warned of with the disk", async () => {
  const asked = serveGit(makeGit());
  const { user, dialog } = await openDialog({});
  await user.click(within(dialog).getByRole("radio", { name: "Delete the disk too" }));
  expect(within(dialog).getByText(/Whether work in it has not been pushed is not known here/)).toBeVisible();
  expect(asked).toEqual([]);
});

test("of several, those with work of their own say so in their lines", async () => {
  serveEnvironments(
    makeEnvironment({ name: "one", git: makeGit({ changedFiles: 2 }) }),
    makeEnvironment({ name: "two", git: makeGit() }),
    makeEnvironment({ name: "three", phase: "Stopped", git: makeGit(unknown) }),
  );
  const { user } = show("/envs");
  await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
  await user.click(screen.getByRole("button", { name: "Delete 3" }));
  const dialog = await screen.findByRole("dialog", { name: "Delete 3 environments?" });
  const lines = within(dialog).getAllByRole("listitem");
  const line = (name: string) => lines.find((item) => item.textContent?.startsWith(name));
  expect(line("one")).toHaveTextContent("Not pushed: 2 changed files");
  expect(line("two")).not.toHaveTextContent("pushed");
  expect(line("three")).toHaveTextContent("not checked for unsaved Git work");
});
