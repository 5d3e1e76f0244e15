import { describe, expect, test } from "vitest";
import { makeEnvironment } from "../testing/builders";
import { formatSoonest, isStoppingSoon, oneMoreHour } from "./clock";
import { formatMoment } from "./times";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const idle = (stopsAt: string | null, extendableUntil: string | null = "2026-11-25T20:00:00Z") =>
  makeEnvironment({ stopsAt, stopsWhy: stopsAt === null ? null : "Idle", extendableUntil });

describe("one more hour", () => {
  test.each([
    ["counts from the stop", "2026-11-25T12:30:00Z", "2026-11-25T13:30:00Z"],
    ["counts from now where the stop is late", "2026-11-25T11:50:00Z", "2026-11-25T13:00:00Z"],
    ["ends where the template says", "2026-11-25T19:30:00Z", "2026-11-25T20:00:00Z"],
    ["is nothing beyond that", "2026-11-25T20:00:00Z", null],
    ["is nothing where nothing stops it", null, null],
  ])("%s", (_, stopsAt, until) => {
    expect(oneMoreHour(idle(stopsAt), NOW)).toBe(until);
  });

  test("is nothing where the stop cannot be put off", () => {
    expect(oneMoreHour(idle("2026-11-25T12:30:00Z", null), NOW)).toBeNull();
  });
});

test("soon is within five minutes, and only of what runs", () => {
  expect(isStoppingSoon(idle("2026-11-25T12:05:01Z"), NOW)).toBe(false);
  expect(isStoppingSoon(idle("2026-11-25T12:05:00Z"), NOW)).toBe(true);
  expect(isStoppingSoon(idle(null), NOW)).toBe(false);
  expect(isStoppingSoon({ ...idle("2026-11-25T12:05:00Z"), phase: "Stopping" }, NOW)).toBe(false);
});

test("a moment of today is a time of day, another one has its date", () => {
  const later = "2026-11-25T12:01:00Z";
  expect(formatSoonest(later, NOW)).toBe(formatMoment(later).slice(11));
  expect(formatSoonest("2026-11-29T12:01:00Z", NOW)).toBe(formatMoment("2026-11-29T12:01:00Z"));
});
