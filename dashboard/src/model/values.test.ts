import { describe, expect, test } from "vitest";
import { makeTemplate } from "../testing/builders";
import { findAddressProblem, suggestAddress } from "./addresses";
import { parseQuantity } from "./quantities";
import { sizesWithin } from "./sizes";
import { formatAgo, formatDuration } from "./times";

describe("addresses", () => {
  test.each([
    ["", "required"],
    ["A_b", "rule"],
    ["-x", "rule"],
    ["x-", "rule"],
    ["9x", "rule"],
    ["x".repeat(41), "long"],
    ["java-quiet-otter", null],
    ["a", null],
  ])("%s: %s", (address, problem) => {
    expect(findAddressProblem(address)).toBe(problem);
  });

  test("a suggestion is valid whatever the template is called, and free", () => {
    let step = 0;
    const random = () => (step++ * 0.37) % 1;
    for (const template of ["python", "17-java", "a".repeat(63), "x.y", "-", "go-"]) {
      const taken = new Set([suggestAddress(template, new Set(), random)]);
      const suggestion = suggestAddress(template, taken, random);
      expect(findAddressProblem(suggestion), suggestion).toBeNull();
      expect(taken.has(suggestion)).toBe(false);
    }
  });
});

test.each([
  ["2", 2],
  ["500m", 0.5],
  ["2Gi", 2 ** 31],
  ["1.5k", 1500],
  ["", undefined],
  ["two", undefined],
  ["2Xi", undefined],
])("quantity %s is %s", (text, value) => {
  expect(parseQuantity(text)).toBe(value);
});

test("sizes fit under the template's limits; without limits all are offered", () => {
  const ids = (part: object) => sizesWithin(makeTemplate(part)).map(({ id }) => id);
  expect(ids({ maxCpu: "2", maxMemory: "4Gi" })).toEqual(["small", "medium"]);
  expect(ids({ maxCpu: "8", maxMemory: "2Gi" })).toEqual(["small"]);
  expect(ids({ maxCpu: null, maxMemory: null })).toEqual(["small", "medium", "large"]);
});

test.each([
  [400, "0.4 sec"],
  [9940, "9.9 sec"],
  [12_300, "12 sec"],
  [125_000, "2:05"],
])("%s ms reads %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds, "en")).toBe(text);
});

test.each([
  ["2026-11-25T10:00:00Z", "en", "now"],
  ["2026-11-25T09:58:00Z", "en", "2 minutes ago"],
  ["2026-11-22T10:00:00Z", "zh-CN", "3天前"],
  ["2026-11-25T10:00:30Z", "en", "now"],
])("%s in %s is %s", (time, tag, text) => {
  expect(formatAgo(time, { tag, now: Date.parse("2026-11-25T10:00:00Z") })).toBe(text);
});
