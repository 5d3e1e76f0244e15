import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import en from "../i18n/en.json";
import zh from "../i18n/zh.json";
import { makeEnvironment, makeForeign } from "../testing/builders";
import { findTroubles, STEPS, stepsFor, type Trouble } from "./failures";

// Nothing is wrong there, or not with an environment.
const HARMLESS = ["Nothing is wrong.", "Events only", "Conditions of a template.", "Events of a template."];

/** The operator's list of reasons, by the comment above each group. */
function readReasons(): { all: string[]; failures: string[] } {
  const all: string[] = [];
  const failures: string[] = [];
  let group = "";
  for (const line of readFileSync("../src/devworkspace/api/reasons.py", "utf8").split("\n")) {
    group = /^# (.+)/.exec(line)?.[1] ?? group;
    const reason = /^[A-Z_]+: Final = "(\w+)"$/.exec(line)?.[1];
    if (reason !== undefined) {
      all.push(reason);
      if (!HARMLESS.some((start) => group.startsWith(start))) {
        failures.push(reason);
      }
    }
  }
  return { all: all.sort(), failures: failures.sort() };
}

const { all, failures } = readReasons();

test("the operator's list was read", () => {
  expect(all.length).toBeGreaterThan(50);
  expect(failures).toContain("OutOfMemory");
  expect(failures).not.toContain("Answering");
});

describe.each([
  ["en", en],
  ["zh", zh],
] as const)("in %s", (_, texts) => {
  const known = (prefix: string) =>
    Object.keys(texts)
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
      .sort();

  test("every reason that the operator knows has a title, and no other", () => {
    expect(known("reason.")).toEqual(all);
  });

  test("every failure has a sentence that says what is wrong and what helps, and no other", () => {
    expect(known("what.")).toEqual(failures);
  });
});

test("every failure has its next steps", () => {
  expect(Object.keys(STEPS).sort()).toEqual(failures);
});

const oom: Trouble = { reason: "OutOfMemory", message: "", since: null, tone: "failed" };
test("only what this person may do is offered", () => {
  const own = makeEnvironment({ phase: "Failed" });
  expect(stepsFor(own, oom, { editTemplates: false })).toEqual(["larger", "previous-logs"]);
  expect(stepsFor(makeForeign("Failed"), oom, { editTemplates: false })).toEqual(["previous-logs"]);
  const denied = { ...oom, reason: "ImagePullDenied" };
  expect(stepsFor(own, denied, { editTemplates: false })).toEqual(["copy"]);
  expect(stepsFor(own, denied, { editTemplates: true })).toEqual(["edit-template", "copy"]);
});

test("a reason that is new here can at least be copied", () => {
  expect(stepsFor(makeEnvironment(), { ...oom, reason: "Novel" }, { editTemplates: true })).toEqual(["copy"]);
});

test("what keeps it from running comes first; what it came back from is told as well", () => {
  const condition = (type: string, status: "True" | "False", reason: string) => ({
    type,
    status,
    reason,
    message: `about ${reason}`,
    lastTransitionTime: "2026-11-25T10:00:00Z",
  });
  const conditions = [
    condition("VolumeReady", "True", "VolumeResizeRefused"),
    condition("Ready", "False", "CrashLoop"),
    condition("Degraded", "True", "OutOfMemory"),
  ];
  const failed = makeEnvironment({ phase: "Failed", reason: "CrashLoop", message: "exit code 1", conditions });
  expect(findTroubles(failed).map(({ reason, tone }) => [reason, tone])).toEqual([
    ["CrashLoop", "failed"],
    ["VolumeResizeRefused", "warning"],
    ["OutOfMemory", "warning"],
  ]);
  const fine = makeEnvironment({ conditions: [condition("Degraded", "False", "Answering")] });
  expect(findTroubles(fine)).toEqual([]);
});
