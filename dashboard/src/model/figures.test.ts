import { describe, expect, test } from "vitest";
import { makeFigure } from "../testing/builders";
import { gapsOf, HEIGHT, lineOf, peakOf, pointsOf, rowsOf, runsOf, topOf, windowOf } from "./figures";
import { formatInUnitOf } from "./quantities";

const MINUTE = 60_000;
const BEGIN = Date.parse("2026-11-25T10:00:00Z");
const whole = { from: BEGIN, to: BEGIN + 60 * MINUTE };
const point = (minute: number, value = 1, seconds = 60) => ({ at: BEGIN + minute * MINUTE, seconds, value });

test("what is used is written in the unit of what may be used", () => {
  const GIB = 2 ** 30;
  const inUnit = (bytes: number, limit: number) => formatInUnitOf(limit, { bytes, tag: "en" });
  expect([inUnit(1.44 * GIB, 2 * GIB), inUnit(20 * 2 ** 20, 2 * GIB), inUnit(128 * GIB, 256 * GIB)]).toEqual([
    "1.4",
    "0.02",
    "128",
  ]);
});

test("an unknown window is the shortest", () => {
  expect(["24h", "7d", "1y", null].map(windowOf)).toEqual(["24h", "7d", "1h", "1h"]);
});

test("what nobody knows is no point, and not zero", () => {
  const figures = [makeFigure({ disk: null }), makeFigure({ disk: 0 })];
  expect(pointsOf(figures, "disk").map(({ value }) => value)).toEqual([0]);
  expect(pointsOf(figures, "cpu")).toHaveLength(2);
});

describe("points that belong together", () => {
  const sizes = (points: Parameters<typeof runsOf>[0], ...starts: number[]) =>
    runsOf(
      points,
      starts.map((minute) => BEGIN + minute * MINUTE),
    ).map((run) => run.length);

  test("one that comes late does not part them, a longer silence does", () => {
    expect(sizes([point(1), point(2), point(3.4), point(6)])).toEqual([3, 1]);
  });

  test("a figure of ten minutes reaches back to the one before", () => {
    expect(sizes([point(10, 1, 600), point(20, 1, 600), point(21), point(22)])).toEqual([4]);
  });

  test("a start parts them, however short it took", () => {
    expect(sizes([point(1), point(2), point(3)], 2.5)).toEqual([2, 1]);
    expect(sizes([point(1), point(2)], 0.5, 2.5)).toEqual([2]);
  });

  test("none are none", () => {
    expect(sizes([])).toEqual([]);
  });
});

describe("gaps", () => {
  const minutes = (...points: ReturnType<typeof point>[]) =>
    gapsOf(runsOf(points, []), whole).map(({ from, to }) => [(from - BEGIN) / MINUTE, (to - BEGIN) / MINUTE]);

  test("before, between and after", () => {
    expect(minutes(point(10), point(11), point(30))).toEqual([
      [0, 9],
      [11, 29],
      [30, 60],
    ]);
  });

  test("a minute that is still to come is none", () => {
    expect(minutes(...Array.from({ length: 59 }, (_, index) => point(index)))).toEqual([]);
  });

  test("without any figure all of it is one", () => {
    expect(minutes()).toEqual([[0, 60]]);
  });
});

test("the upper edge is above the limit, and above what is more than it", () => {
  expect(topOf([point(1, 1)], 2)).toBeCloseTo(2.1);
  expect(topOf([point(1, 4)], 2)).toBeCloseTo(4.2);
  expect(topOf([], null)).toBe(1);
  expect(peakOf([point(1, 3), point(2, 5), point(3, 5)])?.at).toBe(BEGIN + 2 * MINUTE);
  expect(peakOf([])).toBeUndefined();
});

test("one figure alone is a line as long as the time that it stands for", () => {
  expect(lineOf([point(30, 1, 600)], { whole, top: 2 })).toBe("M333.3 50L500 50");
  expect(lineOf([point(30, 1, 600)], { whole, top: 2, closed: true })).toBe(
    `M333.3 50L500 50L500 ${HEIGHT}L333.3 ${HEIGHT}Z`,
  );
  expect(lineOf([], { whole, top: 2 })).toBe("");
});

test("what began before the window begins at its edge", () => {
  expect(lineOf([point(5, 1, 600)], { whole, top: 1 })).toBe("M0 0L83.3 0");
});

test("the table has the mean by time and the most of each part, and says where nothing is known", () => {
  const rows = rowsOf([point(5, 1, 60), point(4, 4, 120), point(12, 2)], whole, "1h");
  expect(rows).toHaveLength(12);
  expect(rows[0]).toEqual({ from: BEGIN, mean: 3, most: 4 });
  expect(rows[1]).toEqual({ from: BEGIN + 5 * MINUTE, mean: undefined, most: undefined });
  expect(rows[2]?.most).toBe(2);
});
