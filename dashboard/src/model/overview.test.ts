import { describe, expect, test } from "vitest";
import { makeEnvironment } from "../testing/builders";
import { fitsPreset, idleSince, isInUse, readAdminView, selectRows, sumUp, toCsv, writeAdminView } from "./overview";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const READY = "2026-11-25T08:00:00Z";
const idle = makeEnvironment({ name: "idle", readyAt: READY, lastActivity: "2026-11-25T10:00:00Z" });
const busy = makeEnvironment({ name: "busy", readyAt: READY, lastActivity: "2026-11-25T11:58:00Z", cpu: "4" });
const unknown = makeEnvironment({ name: "unknown", readyAt: READY, owner: "li.wei" });
const failed = makeEnvironment({ name: "failed", phase: "Failed", reason: "OutOfMemory", namespace: "web" });
const old = makeEnvironment({
  name: "old",
  phase: "Stopped",
  stoppedAt: "2026-10-01T00:00:00Z",
  progress: { made: false, placed: false, started: false },
});
const ALL = [idle, busy, unknown, failed, old];

describe("idle", () => {
  test("counts from the last work or, when that was in an earlier run, from when it was ready", () => {
    expect(idleSince(idle)).toBe("2026-11-25T10:00:00Z");
    expect(idleSince({ ...idle, lastActivity: "2026-11-24T10:00:00Z" })).toBe(READY);
  });

  test("is never said of what is unknown or does not run", () => {
    expect(idleSince(unknown)).toBeNull();
    expect(fitsPreset(unknown, "idle", NOW)).toBe(false);
    expect(idleSince({ ...idle, phase: "Stopped" })).toBeNull();
  });

  test("is not what somebody has worked in just now", () => {
    expect([isInUse(busy, NOW), isInUse(idle, NOW), isInUse(unknown, NOW)]).toEqual([true, false, false]);
  });
});

test("the sums are of what there is, and resources of what has a pod", () => {
  const sums = sumUp(ALL, NOW);
  expect(sums.groups).toEqual({ running: 3, starting: 0, stopped: 1, failed: 1 });
  expect(sums.presets).toEqual({
    all: 5,
    idle: 1,
    failed: 1,
    unopened: 0,
    "long-stopped": 1,
    largest: 5,
    outdated: 0,
  });
  expect(sums.causes).toEqual([["OutOfMemory", 1]]);
  expect(sums.limits).toEqual({ cpu: 10, memory: 8 * 2 ** 30 });
  expect(sums.requested).toEqual({ cpu: 2, memory: 4 * 2 ** 30 });
  expect([sums.owners, sums.projects]).toEqual([2, 2]);
});

describe("one that nobody has opened", () => {
  const started = { ...idle, readyAt: "2026-11-25T08:00:10Z", lastActivity: "2026-11-25T08:00:04Z" };

  test("is known by nothing but its container's start", () => {
    expect(fitsPreset(started, "unopened", NOW)).toBe(true);
    expect(fitsPreset({ ...started, phase: "Stopped" }, "unopened", NOW)).toBe(true);
    expect(fitsPreset(idle, "unopened", NOW)).toBe(false);
  });

  test("is not said of what is unknown, nor of what has just started", () => {
    expect(fitsPreset(unknown, "unopened", NOW)).toBe(false);
    expect(fitsPreset(started, "unopened", Date.parse("2026-11-25T08:30:00Z"))).toBe(false);
  });
});

test("the largest are ten, by processor and memory, in whatever order they are shown", () => {
  const many = Array.from({ length: 12 }, (_, number) => makeEnvironment({ name: `env-${number}`, cpu: `${number}` }));
  const names = (query: string) =>
    selectRows(many, readAdminView(new URLSearchParams(query)), NOW).map(({ name }) => name);
  expect(names("show=largest&sort=-size")[0]).toBe("env-11");
  expect(names("show=largest")).toHaveLength(10);
  expect(names("show=largest")).not.toContain("env-1");
  expect(sumUp(many, NOW).presets.largest).toBe(10);
});

test("of nothing the sums are zeros", () => {
  expect(sumUp([], NOW)).toMatchObject({ presets: { all: 0 }, causes: [], requested: { cpu: 0 }, owners: 0 });
});

describe("the rows", () => {
  const names = (query: string) =>
    selectRows(ALL, readAdminView(new URLSearchParams(query)), NOW).map(({ name }) => name);

  test.each([
    ["", ["busy", "failed", "idle", "old", "unknown"]],
    ["show=idle", ["idle"]],
    ["show=failed&cause=OutOfMemory", ["failed"]],
    ["show=failed&cause=Other", []],
    ["show=long-stopped", ["old"]],
    ["q=li.wei", ["unknown"]],
    ["sort=-size", ["busy", "idle", "old", "unknown", "failed"]],
    ["sort=idle", ["idle", "busy", "old", "unknown", "failed"]],
  ])("of %s", (query, expected) => expect(names(query)).toEqual(expected));

  test("stand in the address, and what is not ours stays there", () => {
    const view = { ...readAdminView(new URLSearchParams()), preset: "failed" as const, cause: "OutOfMemory", page: 2 };
    const query = writeAdminView(view, new URLSearchParams("embed=1&q=old"));
    expect(query.toString()).toBe("embed=1&show=failed&cause=OutOfMemory&page=2");
    expect(readAdminView(query)).toEqual(view);
  });

  test("of a strange address are the default", () => {
    expect(readAdminView(new URLSearchParams("show=x&sort=-x&page=-1&size=7"))).toMatchObject({
      preset: "all",
      sort: "name",
      page: 1,
      size: 20,
    });
  });
});

describe("the export", () => {
  const line = (displayName: string) => toCsv([makeEnvironment({ displayName })]).split("\r\n")[1] ?? "";

  test("has a head and a line for each", () => {
    const lines = toCsv(ALL).split("\r\n");
    expect(lines[0]).toMatch(/^name,displayName,project,owner,template,phase,/);
    expect(lines).toHaveLength(ALL.length + 2);
    expect(lines[1]).toMatch(/^idle,idle,team,admin,python,Running,/);
  });

  test.each([
    ['a "b", c', '"a ""b"", c"'],
    ["=cmd()", "'=cmd()"],
    ["@x", "'@x"],
    ["＝1", "'＝1"],
    ["支付", "支付"],
  ])("%s is %s", (name, cell) => expect(line(name).startsWith(`demo,${cell},team`)).toBe(true));
});
