import { describe, expect, test } from "vitest";
import { makeEnvironment, makeTemplate } from "../../../testing/builders";
import { type Draft, differences, draftOf, findProblems, merge, patchOf, placeOf, sizeBeside } from "./form";

const own = (part: object) => ({ own: { ...makeEnvironment().own, ...part } });
const base = draftOf(makeEnvironment());
const office = { days: ["Mon"], start: "09:00", stop: "18:00", timeZone: "UTC", except: [] } as const;
const draft = (part: Partial<Draft>): Draft => ({ ...base, ...part });

describe("what an environment has", () => {
  test.each([
    [{}, "default"],
    [{ cpu: "2", memory: "4Gi" }, "medium"],
    [{ cpu: "2000m", memory: "4096Mi" }, "medium"],
    [{ cpu: "2", memory: null }, "own"],
    [{ cpu: "3", memory: "5Gi" }, "own"],
  ])("%j is the size %s", (part, size) => {
    expect(draftOf(makeEnvironment(own(part))).size).toBe(size);
  });

  test("a name that nobody gave is empty", () => {
    expect(base.displayName).toBe("");
    expect(draftOf(makeEnvironment({ displayName: "Payments" })).displayName).toBe("Payments");
  });
});

describe("what is sent", () => {
  test("nothing but what differs", () => {
    expect(patchOf(base, base)).toEqual({});
    expect(patchOf(base, draft({ displayName: " Payments ", size: "medium" }))).toEqual({
      displayName: "Payments",
      cpu: "2",
      memory: "4Gi",
    });
  });

  test("what is emptied goes back to the template", () => {
    const set = draft({ idleTimeout: "30m", image: "python:2", variables: [{ name: "A", value: "1" }] });
    expect(patchOf(set, base)).toEqual({ idleTimeout: null, image: null, variables: [] });
    expect(patchOf(draft({ schedule: [office] }), base)).toEqual({ schedule: null });
  });

  test("hours that somebody has are no change", () => {
    const rule = { timeZone: "UTC", stop: "20:00" };
    expect(
      patchOf(draftOf(makeEnvironment(own({ schedule: [rule] }))), draftOf(makeEnvironment(own({ schedule: [rule] })))),
    ).toEqual({});
  });

  test("spaces alone are no change", () => {
    expect(differences(base, draft({ description: "  " }))).toEqual([]);
  });
});

test("a merge keeps what I changed and takes the rest from them", () => {
  const mine = draft({ size: "own", cpu: "3", memory: "3Gi" });
  const theirs = draft({ displayName: "Theirs", size: "medium" });
  expect(merge({ base, mine, theirs })).toEqual({ ...theirs, size: "own", cpu: "3", memory: "3Gi" });
});

describe("what would be refused for certain", () => {
  const template = makeTemplate({ idleTimeout: "1h" });
  const find = (part: Partial<Draft>, environment = makeEnvironment()) =>
    findProblems(draft(part), { base, template, environment });

  test.each<[Partial<Draft>, object]>([
    [{ size: "own", cpu: "two", memory: "1Gi" }, { cpu: { kind: "quantity" } }],
    [
      { size: "own", cpu: "3", memory: "5Gi" },
      { cpu: { kind: "most", bound: "2" }, memory: { kind: "most", bound: "4Gi" } },
    ],
    [{ storage: "5Gi" }, { storage: { kind: "shrink", bound: "10Gi" } }],
    [{ storage: "30Gi" }, { storage: { kind: "most", bound: "20Gi" } }],
    [{ storage: "20Gi" }, {}],
    [{ idleTimeout: "2h" }, { idleTimeout: { kind: "longest", bound: "1h" } }],
    [{ idleTimeout: "soon" }, { idleTimeout: { kind: "duration" } }],
    [{ maxRunDuration: "100h" }, {}],
    [{ variables: [{ name: " ", value: "1" }] }, { variables: { kind: "name" } }],
    [{ variables: [{ name: "A-B", value: "1" }] }, { variables: { kind: "name" } }],
    [{ variables: [{ name: "_A1", value: "" }] }, {}],
    [{ schedule: [office] }, {}],
    [{ schedule: [office, { ...office, days: [] }] }, { schedule: { kind: "hours" } }],
    [{ schedule: [{ ...office, start: "", stop: "" }] }, { schedule: { kind: "hours" } }],
    [{ displayName: "x" }, {}],
  ])("%j: %j", (part, problems) => {
    expect(find(part)).toEqual(problems);
  });

  test("a disk is measured by what it was asked to be", () => {
    const disk = { size: 10 * 2 ** 30, wanted: 15 * 2 ** 30, used: null };
    expect(find({ storage: "12Gi" }, makeEnvironment({ disk }))).toHaveProperty("storage.kind", "shrink");
    expect(find({ storage: "16Gi" }, makeEnvironment({ disk }))).toEqual({});
  });

  test("a size that somebody may have no more is left alone until it is changed", () => {
    const large = draft({ size: "large" });
    expect(findProblems(large, { base: large, template, environment: makeEnvironment() })).toEqual({});
  });

  test("without the template nothing has a bound", () => {
    const part = draft({ size: "large", storage: "900Gi" });
    expect(findProblems(part, { base, template: null, environment: makeEnvironment() })).toEqual({});
  });
});

test.each([
  ["spec.overrides.resources.limits.memory", "memory"],
  ["spec.overrides.storage.size", "storage"],
  ["spec.overrides.env[0].name", "variables"],
  ["spec.lifecycle.idleTimeout", "idleTimeout"],
  ["spec.lifecycle.schedule[0].start", "schedule"],
  ["variables[0].name", "variables"],
  ["displayName", "displayName"],
  ["metadata.labels", undefined],
])("the server's %s belongs to %s", (field, place) => {
  expect(placeOf({ field, message: "" })).toBe(place);
});

test("the size beside another one is the next that the template allows", () => {
  const template = makeTemplate({ maxCpu: "2", maxMemory: "4Gi" });
  expect(sizeBeside(template, "2Gi", "larger")).toBe("medium");
  expect(sizeBeside(template, "4Gi", "larger")).toBeUndefined();
  expect(sizeBeside(template, "8Gi", "smaller")).toBe("medium");
});
