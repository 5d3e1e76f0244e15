import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { makeEnvironment, makeForeign } from "../testing/builders";
import { canDo, obstacleOf, offersOf, type Phase } from "./phases";

const PHASES: readonly Phase[] = [
  "Pending",
  "Provisioning",
  "Running",
  "Unreachable",
  "Stopping",
  "Stopped",
  "Failed",
  "Deleting",
];

const labels = (phase: Phase, part = {}) => offersOf(makeEnvironment({ phase, ...part })).map(({ label }) => label);

describe("what is offered", () => {
  test.each([
    ["Pending", "action.view-start"],
    ["Provisioning", "action.view-start"],
    ["Running", "action.open"],
    ["Unreachable", "action.restart"],
    ["Stopping", "action.start-again"],
    ["Stopped", "action.start-open"],
    ["Failed", "action.retry"],
  ] as const)("%s: first %s", (phase, first) => {
    expect(labels(phase)[0]).toBe(first);
  });

  test("nothing while it is being deleted", () => {
    expect(labels("Deleting")).toEqual([]);
  });

  test("delete comes last", () => {
    for (const phase of PHASES.filter((one) => one !== "Deleting")) {
      expect(labels(phase).at(-1)).toBe("action.delete");
    }
  });

  test("a restart that applies changes says so", () => {
    expect(labels("Running", { templateOutdated: true })).toContain("action.restart-apply");
    expect(labels("Running")).toContain("action.restart");
  });

  test("nothing that the server's own table refuses in that phase", () => {
    const table = readFileSync("../src/devworkspace/core/actions.py", "utf8");
    for (const phase of PHASES) {
      for (const { action } of offersOf(makeEnvironment({ phase }))) {
        const line = new RegExp(`"${action}": frozenset\\(\\{([^}]*)\\}`).exec(table)?.[1] ?? "";
        expect(line, `${action} while ${phase}`).toContain(`"${phase}"`);
      }
    }
  });
});

test("what could not start again is not restarted", () => {
  const { allowed } = makeEnvironment();
  const barred = makeEnvironment({ allowed: { ...allowed, restart: { allowed: false, obstacle: "template" } } });
  expect(obstacleOf(barred, "restart")).toBe("template");
  expect(canDo(barred, "restart")).toBe(false);
  expect(canDo(barred, "stop")).toBe(true);
});

test("a missing right is an obstacle, and bulk actions leave that environment out", () => {
  const foreign = makeForeign("Running");
  expect(obstacleOf(foreign, "stop")).toBe("right");
  expect(canDo(foreign, "stop")).toBe(false);
  expect(canDo(makeEnvironment(), "stop")).toBe(true);
  expect(canDo(makeEnvironment({ phase: "Stopped" }), "stop")).toBe(false);
});
