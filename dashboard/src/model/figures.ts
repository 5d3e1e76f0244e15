import type { FigureView, HistoryView } from "../api/schema";
import { formatMoment } from "./times";

export const WINDOWS = ["1h", "24h", "7d"] as const;
export type WindowId = (typeof WINDOWS)[number];

export type FigureId = "cpu" | "memory" | "disk";

/** What was used in the `seconds` before `at`, which is in milliseconds since 1970. */
export interface Point {
  readonly at: number;
  readonly seconds: number;
  readonly value: number;
}

/** A time of which something is told, or nothing; in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Rows of the table of a window. */
const ROWS: Record<WindowId, number> = { "1h": 12, "24h": 24, "7d": 28 };
// A figure may come late by so much of the time that it stands for before that counts as a gap.
const LATE = 1.5;

/** The window that an address names; anything else is the shortest. */
export function windowOf(text: string | null): WindowId {
  return WINDOWS.find((known) => known === text) ?? "1h";
}

/** What is known of one of the figures, the oldest first. */
export function pointsOf(figures: readonly FigureView[], id: FigureId): readonly Point[] {
  return figures.flatMap(({ at, seconds, ...figure }) => {
    const value = figure[id];
    return value === null ? [] : [{ at: Date.parse(at), seconds, value }];
  });
}

/** The time that a point stands for. */
function beginOf({ at, seconds }: Point): number {
  return at - seconds * 1000;
}

/** Points that belong together: between two runs it did not run, or nobody measured, or it was started anew. */
export function runsOf(points: readonly Point[], starts: readonly number[]): readonly (readonly Point[])[] {
  const runs: Point[][] = [];
  for (const point of points) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run === undefined || last === undefined || isApart(last, point, starts)) {
      runs.push([point]);
    } else {
      run.push(point);
    }
  }
  return runs;
}

function isApart(last: Point, next: Point, starts: readonly number[]): boolean {
  const most = Math.max(last.seconds, next.seconds) * 1000 * LATE;
  return beginOf(next) - last.at > most || starts.some((start) => last.at < start && start <= next.at);
}

/** When nothing is known, within `whole`; what is shorter than a few minutes is no gap worth a mark. */
export function gapsOf(runs: readonly (readonly Point[])[], whole: Span): readonly Span[] {
  const gaps: Span[] = [];
  let from = whole.from;
  for (const run of runs) {
    const [first] = run;
    const last = run.at(-1);
    if (first !== undefined && last !== undefined) {
      gaps.push({ from, to: Math.max(from, beginOf(first)) });
      from = last.at;
    }
  }
  gaps.push({ from, to: whole.to });
  const least = Math.max(3 * 60_000, (whole.to - whole.from) / 100);
  return gaps.filter((gap) => gap.to - gap.from > least);
}

export function peakOf(points: readonly Point[]): Point | undefined {
  return points.reduce<Point | undefined>(
    (best, point) => (best === undefined || point.value > best.value ? point : best),
    undefined,
  );
}

/** The value at the upper edge: the limit, or more where more was used. */
export function topOf(points: readonly Point[], limit: number | null): number {
  return Math.max(limit ?? 0, peakOf(points)?.value ?? 0) * 1.05 || 1;
}

export const WIDTH = 1000;
export const HEIGHT = 100;

/** Where a moment is, from the left edge of `WIDTH`. */
export function placeOf(time: number, whole: Span): number {
  const part = (time - whole.from) / (whole.to - whole.from);
  return round(Math.min(1, Math.max(0, part)) * WIDTH);
}

/** How far below the upper edge of `HEIGHT` a value is. */
export function depthOf(value: number, top: number): number {
  return round(HEIGHT - (value / top) * HEIGHT);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The line of a run, from the begin of what its first point stands for; `closed` down to zero: the ground below it. */
export function lineOf(run: readonly Point[], options: { whole: Span; top: number; closed?: boolean }): string {
  const { whole, top, closed = false } = options;
  const [first] = run;
  const last = run.at(-1);
  if (first === undefined || last === undefined) {
    return "";
  }
  const begin = placeOf(beginOf(first), whole);
  const points = run.map(({ at, value }) => `L${placeOf(at, whole)} ${depthOf(value, top)}`);
  const line = `M${begin} ${depthOf(first.value, top)}${points.join("")}`;
  return closed ? `${line}L${placeOf(last.at, whole)} ${HEIGHT}L${begin} ${HEIGHT}Z` : line;
}

export interface Row {
  readonly from: number;
  /** Undefined where nothing is known. */
  readonly mean: number | undefined;
  readonly most: number | undefined;
}

/** The window in equal parts, each with what was used in it. */
export function rowsOf(points: readonly Point[], whole: Span, window: WindowId): readonly Row[] {
  const count = ROWS[window];
  const length = (whole.to - whole.from) / count;
  return Array.from({ length: count }, (_, index) => {
    const from = whole.from + index * length;
    const inside = points.filter(({ at }) => from < at && at <= from + length);
    const seconds = inside.reduce((sum, point) => sum + point.seconds, 0);
    const weighed = inside.reduce((sum, point) => sum + point.value * point.seconds, 0);
    return { from, mean: seconds > 0 ? weighed / seconds : undefined, most: peakOf(inside)?.value };
  });
}

/** The time of day; in a week the day as well. */
export function formatPoint(time: number, window: WindowId): string {
  const moment = formatMoment(new Date(time).toISOString());
  return window === "7d" ? moment : moment.slice(11);
}

export function wholeOf({ since, until }: HistoryView): Span {
  return { from: Date.parse(since), to: Date.parse(until) };
}
