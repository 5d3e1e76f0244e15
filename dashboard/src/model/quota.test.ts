import { describe, expect, test } from "vitest";
import type { NamespaceQuota } from "../api/schema";
import { brokenLimits, isOwn, type Need, quotaLines } from "./quota";

const GI = 2 ** 30;
const NEED: Need = {
  cpuLimit: 2,
  cpuRequest: 0.5,
  memoryLimit: 4 * GI,
  memoryRequest: GI,
  storage: 10 * GI,
  disks: 1,
};

function quota(...items: readonly [resource: string, hard: string, used: string, left: number][]): NamespaceQuota {
  return {
    namespace: "team",
    quotas: items.map(([resource, hard, used, left], place) => ({
      name: `quota-${place}`,
      scopes: [],
      items: [{ resource, hard, used, left }],
    })),
    limits: [],
    own: [],
  };
}

describe("a quota", () => {
  test("says what is used, what this would take, and whether it fits", () => {
    const [cpu, memory] = quotaLines(quota(["limits.cpu", "8", "5", 3], ["limits.memory", "8Gi", "6Gi", 2 * GI]), NEED);
    expect(cpu).toMatchObject({ label: "cpu", used: 5, needs: 2, hard: 8, fits: true });
    expect(memory).toMatchObject({ label: "memory", used: 6 * GI, needs: 4 * GI, hard: 8 * GI, fits: false });
  });

  test.each([
    ["cpu", "cpuRequest", 0.5],
    ["requests.cpu", "cpuRequest", 0.5],
    ["requests.memory", "memoryRequest", GI],
    ["requests.storage", "storage", 10 * GI],
    ["count/persistentvolumeclaims", "disks", 1],
    ["pods", "pods", 1],
    ["count/workspaceinstances.devworkspace.kubesphere.io", "environments", 1],
  ])("of %s counts as %s", (resource, label, needs) => {
    expect(quotaLines(quota([resource, "100", "0", 100]), NEED)).toMatchObject([{ label, needs }]);
  });

  test.each([
    ["environments", "ownEnvironments", 1, false],
    ["running", "ownRunning", 1, true],
    ["cpu", "ownCpu", 2, true],
    ["memory", "ownMemory", 4 * GI, true],
    ["storage", "ownStorage", 10 * GI, false],
  ])("of one's own %s counts beside the project's", (resource, label, needs, freedByStop) => {
    const own = [{ resource, hard: "1", used: "1", left: 0 }];
    const lines = quotaLines({ ...quota(["pods", "100", "0", 100]), own }, NEED);
    expect(lines.filter(isOwn)).toMatchObject([{ label, needs, freedByStop, fits: false }]);
    expect(lines.filter((line) => !isOwn(line))).toMatchObject([{ label: "pods", fits: true }]);
  });

  test("on what environments do not take is no line", () => {
    expect(quotaLines(quota(["services", "1", "1", 0]), NEED)).toEqual([]);
  });

  test("of several the tightest counts, in whatever order they come", () => {
    const wide = ["limits.cpu", "100", "0", 100] as const;
    const tight = ["limits.cpu", "4", "3", 1] as const;
    for (const both of [quota([...wide], [...tight]), quota([...tight], [...wide])]) {
      expect(quotaLines(both, NEED)).toMatchObject([{ hard: 4, fits: false }]);
    }
  });

  test("that is overdrawn still fits what takes nothing of it", () => {
    const adopted = { ...NEED, storage: 0, disks: 0 };
    expect(quotaLines(quota(["requests.storage", "5Gi", "10Gi", 0]), adopted)).toMatchObject([{ fits: true }]);
  });
});

describe("a limit for each environment", () => {
  const limit = { name: "bounds", min: null, max: null, default: null, defaultRequest: null };

  test("is told once when it is broken", () => {
    const limits = [
      { ...limit, type: "Container" as const, resource: "cpu", max: "1" },
      { ...limit, type: "Pod" as const, resource: "cpu", max: "1" },
      { ...limit, type: "PersistentVolumeClaim" as const, resource: "storage", min: "20Gi" },
    ];
    expect(brokenLimits(limits, NEED)).toMatchObject([
      { label: "cpu", kind: "most", bound: 1, needs: 2 },
      { label: "storage", kind: "least", bound: 20 * GI, needs: 10 * GI },
    ]);
    expect(brokenLimits(limits, { ...NEED, cpuLimit: 1, storage: 0, disks: 0 })).toEqual([]);
  });
});
