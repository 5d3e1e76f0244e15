import { expect, test } from "vitest";
import { makeEnvironment, makeGit } from "../testing/builders";
import {
  DEFAULT_VIEW,
  matchBeforeState,
  matchesState,
  ofWorkspace,
  readView,
  sortEnvironments,
  writeView,
} from "./listing";

const NAMES = new Map([
  ["java-17", { text: "JVM 与 Maven", lang: "zh" }],
  ["python", { text: "A Python", lang: undefined }],
]);

test("a page of one of KubeSphere's workspaces shows its projects' environments", () => {
  const known = new Map(
    [
      makeEnvironment({ uid: "one", workspace: "demo" }),
      makeEnvironment({ uid: "two", workspace: "other" }),
      makeEnvironment({ uid: "three" }),
    ].map((environment) => [environment.uid, environment]),
  );
  expect([...ofWorkspace(known, "demo").keys()]).toEqual(["one"]);
  expect(ofWorkspace(known, "")).toBe(known);
});

test("an address keeps a view, and the default needs none", () => {
  const view = {
    ...DEFAULT_VIEW,
    text: "pay",
    state: "failed",
    project: "team",
    whose: "mine",
    sort: "name",
    descending: true,
    page: 3,
    size: 50,
    form: "cards",
  } as const;
  const query = writeView(view, new URLSearchParams());
  expect(readView(query)).toEqual({ view, dropped: false });
  expect(writeView(DEFAULT_VIEW, new URLSearchParams()).toString()).toBe("");
});

test("other parameters of the address stay", () => {
  expect(writeView(DEFAULT_VIEW, new URLSearchParams("embed=1&q=x")).toString()).toBe("embed=1");
});

test.each(["state=bad", "sort=-none", "page=0", "page=x", "size=7", "form=list", "whose=yours"])(
  "%s is dropped with a note",
  (query) => {
    expect(readView(new URLSearchParams(query))).toEqual({ view: DEFAULT_VIEW, dropped: true });
  },
);

test("text is looked for in names, owner, template and repository, whatever the case", () => {
  const all = [
    makeEnvironment({ name: "one", displayName: "Payments API" }),
    makeEnvironment({ name: "two", owner: "Li.Wei" }),
    makeEnvironment({ name: "three", template: "java-17" }),
    makeEnvironment({ name: "four", git: makeGit({ repository: "https://git.example.com/Team/demo.git" }) }),
  ];
  const found = (text: string) =>
    matchBeforeState(all, { ...DEFAULT_VIEW, text }, "admin", NAMES).map(({ name }) => name);
  expect(found("payments")).toEqual(["one"]);
  expect(found("LI.WEI")).toEqual(["two"]);
  expect(found("java")).toEqual(["three"]);
  expect(found("maven")).toEqual(["three"]);
  expect(found("example.com/team")).toEqual(["four"]);
  expect(found(" ")).toHaveLength(4);
});

test("mine and project narrow the list", () => {
  const all = [makeEnvironment({ name: "mine" }), makeEnvironment({ name: "other", owner: "x", namespace: "web" })];
  expect(matchBeforeState(all, { ...DEFAULT_VIEW, whose: "mine" }, "admin", NAMES)).toEqual([all[0]]);
  expect(matchBeforeState(all, { ...DEFAULT_VIEW, project: "web" }, "admin", NAMES)).toEqual([all[1]]);
});

test("states gather phases as people see them", () => {
  expect(matchesState(makeEnvironment({ phase: "Provisioning" }), "starting")).toBe(true);
  expect(matchesState(makeEnvironment({ phase: "Unreachable" }), "failed")).toBe(true);
  expect(matchesState(makeEnvironment({ templateOutdated: true }), "outdated")).toBe(true);
  expect(matchesState(makeEnvironment(), "outdated")).toBe(false);
});

test("what needs attention comes first, then what was used last", () => {
  const all = [
    makeEnvironment({ name: "old", lastActivity: "2026-11-25T10:00:00Z" }),
    makeEnvironment({ name: "new", lastActivity: "2026-11-25T11:00:00Z" }),
    makeEnvironment({ name: "stopped", phase: "Stopped" }),
    makeEnvironment({ name: "failed", phase: "Failed" }),
  ];
  expect(sortEnvironments(all, DEFAULT_VIEW, NAMES).map(({ name }) => name)).toEqual([
    "failed",
    "new",
    "old",
    "stopped",
  ]);
});

test("numbers in names are numbers, and the direction turns", () => {
  const all = [makeEnvironment({ name: "env-10" }), makeEnvironment({ name: "env-9" })];
  const sorted = (descending: boolean) =>
    sortEnvironments(all, { ...DEFAULT_VIEW, sort: "name", descending }, NAMES).map(({ name }) => name);
  expect(sorted(false)).toEqual(["env-9", "env-10"]);
  expect(sorted(true)).toEqual(["env-10", "env-9"]);
});

test("templates are sorted as people know them", () => {
  const all = ["java-17", "python", "b-that-is-gone"].map((template) => makeEnvironment({ template }));
  const sorted = sortEnvironments(all, { ...DEFAULT_VIEW, sort: "template" }, NAMES).map(({ template }) => template);
  expect(sorted).toEqual(["python", "b-that-is-gone", "java-17"]);
});
