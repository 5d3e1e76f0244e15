import { expect, test } from "vitest";
import { makeUsageRow } from "../testing/builders";
import { formatCost, formatHours, largestFirst } from "./usage";

test("the largest come first, and of those that never ran the ones with the larger disk", () => {
  const rows = [
    makeUsageRow({ owner: "small", runningHours: 0, storageGibHours: 1 }),
    makeUsageRow({ owner: "large", runningHours: 0, storageGibHours: 20 }),
    makeUsageRow({ owner: "ran", runningHours: 0.5, storageGibHours: 0 }),
  ];
  expect(largestFirst(rows).map(({ owner }) => owner)).toEqual(["ran", "large", "small"]);
});

test("hours are told as exactly as they matter", () => {
  expect([0, 0.04, 1.26, 12.6, 12_345.6].map((hours) => formatHours(hours, "en"))).toEqual([
    "0",
    "0",
    "1.3",
    "13",
    "12,346",
  ]);
});

test("money is written as the reader writes it", () => {
  expect(formatCost(4120.456, "CNY", "en")).toBe("CN¥4,120.46");
  expect(formatCost(4120.456, "CNY", "zh-CN")).toBe("¥4,120.46");
  expect(formatCost(0.4, "JPY", "en")).toBe("¥0");
});
