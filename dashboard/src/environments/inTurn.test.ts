import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../api/client";
import { inTurn, type Progress } from "./inTurn";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const going = () => ({ signal: new AbortController().signal, onProgress: () => undefined });
const names = (count: number) => Array.from({ length: count }, (_, number) => `env-${number}`);

test("a few at once, and results in the order of the items", async () => {
  let [now, most] = [0, 0];
  const work = async (name: string) => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setTimeout(resolve, name === "env-0" ? 50 : 10));
    now -= 1;
    if (name === "env-1") {
      throw new ApiError(503, { detail: "away" });
    }
  };
  const result = inTurn(names(6), work, going());
  await vi.runAllTimersAsync();
  const outcomes = await result;
  expect(most).toBe(4);
  expect(outcomes.map(({ item }) => item)).toEqual(names(6));
  expect(outcomes.map((outcome) => outcome.result)).toEqual(["done", "failed", "done", "done", "done", "done"]);
});

test("what is too much for now is done later, one by one, after the pause that the server names", async () => {
  const began = Date.now();
  const done: [string, number][] = [];
  const seen: Progress[] = [];
  let refused = 0;
  // A bucket as the server has it: six at once, then one in two seconds.
  const granted = () => 6 + Math.floor((Date.now() - began) / 2000);
  const work = async (name: string) => {
    if (done.length >= granted()) {
      refused += 1;
      throw new ApiError(429, {}, 2);
    }
    done.push([name, Date.now() - began]);
  };
  const result = inTurn(names(10), work, { ...going(), onProgress: (progress) => seen.push(progress) });
  await vi.runAllTimersAsync();
  expect((await result).every((outcome) => outcome.result === "done")).toBe(true);
  expect(done.map(([name]) => name).sort()).toEqual(names(10));
  expect(done.slice(6).map(([, at]) => at)).toEqual([2000, 4000, 6000, 8000]);
  expect(refused, "no more than were on their way at the first refusal").toBeLessThanOrEqual(4);
  expect(seen.at(-1)).toEqual({ done: 10, count: 10, paced: true });
});

test("what has not had its turn can be left, even in the middle of a pause", async () => {
  const controller = new AbortController();
  const work = async (name: string) => {
    if (name !== "env-0") {
      throw new ApiError(429, {}, 3600);
    }
  };
  const result = inTurn(names(3), work, { ...going(), signal: controller.signal });
  await vi.advanceTimersByTimeAsync(1000);
  controller.abort();
  expect((await result).map((outcome) => outcome.result)).toEqual(["done", "left", "left"]);
});
