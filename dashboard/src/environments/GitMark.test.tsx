import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { GitView } from "../api/schema";
import { setLanguage } from "../i18n";
import { formatMoment } from "../model/times";
import { makeEnvironment, makeGit } from "../testing/builders";
import { FakeEventSource } from "../testing/events";
import { serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const row = async () => (await screen.findByRole("link", { name: "demo" })).closest("tr") as HTMLElement;

function list(git: Partial<GitView> | null, address = "/envs") {
  serveEnvironments(makeEnvironment({ git: git === null ? null : makeGit(git) }));
  return show(address);
}

test("what is not pushed stands in the list, with the moment in which the pod looked", async () => {
  list({ changedFiles: 2, unpushedCommits: 1 });
  const mark = within(await row()).getByText("2 changed files, 1 commit not pushed");
  expect(mark).toHaveAttribute("title", `as of ${formatMoment("2026-11-26T14:02:00Z")}`);
});

test("it is told in Chinese, and on cards", async () => {
  act(() => setLanguage("zh"));
  list({ changedFiles: 1000, unpushedCommits: 0 }, "/envs?form=cards");
  const card = (await screen.findByRole("link", { name: "demo" })).closest("li") as HTMLElement;
  expect(within(card).getByText(/1000\+/)).toBeVisible();
  act(() => setLanguage("en"));
});

test("a clone that failed is told, and the editor can be opened nevertheless", async () => {
  list({ state: "failed", reason: "login-required", changedFiles: null, unpushedCommits: null, asOf: null });
  expect(within(await row()).getByText("The repository asks for a login")).not.toHaveAttribute("title");
  expect(within(await row()).getByRole("link", { name: /^Open/ })).toBeVisible();
});

test.each([
  ["no repository", null],
  ["nothing to push", { changedFiles: 0, unpushedCommits: 0 }],
  ["nobody has looked yet", { state: null, changedFiles: null, unpushedCommits: null, asOf: null }],
] as const)("nothing is said where there is %s", async (_, git) => {
  list(git);
  expect((await row()).querySelector("[data-git]")).toBeNull();
});

test("it comes and goes with the work", async () => {
  list({ changedFiles: 0, unpushedCommits: 0 });
  const shown = await row();
  const tell = (changedFiles: number) =>
    act(() => FakeEventSource.latest.say("environment", makeEnvironment({ git: makeGit({ changedFiles }) })));
  tell(1);
  expect(await within(shown).findByText("1 changed file")).toBeVisible();
  tell(0);
  await waitFor(() => expect(within(shown).queryByText("1 changed file")).toBeNull());
});
