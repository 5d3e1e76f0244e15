import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeEventSource } from "../testing/events";
import { type News, Stream } from "./stream";

let heard: News[];
let stream: Stream;

beforeEach(() => {
  vi.useFakeTimers();
  FakeEventSource.greets = false;
  heard = [];
  stream = new Stream({ url: "/stream", since: "", onNews: (news) => heard.push(news) });
  stream.open();
});
afterEach(() => {
  stream.close();
  vi.useRealTimers();
});

const kinds = () => heard.map(({ kind }) => kind);

test("heartbeats keep it; without them a new one goes on where it was", () => {
  FakeEventSource.latest.greet();
  FakeEventSource.latest.say("gone", { uid: "one" }, "e-7");
  const since = Date.now();
  vi.advanceTimersByTime(30_000);
  FakeEventSource.latest.say("heartbeat", {}, "e-9");
  vi.advanceTimersByTime(30_000);
  expect(FakeEventSource.opened).toHaveLength(1);
  vi.advanceTimersByTime(20_000);
  expect(FakeEventSource.opened.map(({ url }) => url)).toEqual(["/stream", "/stream?since=e-9"]);
  expect(FakeEventSource.opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
  expect(kinds().slice(0, 4)).toEqual(["hello", "change", "heartbeat", "down"]);
  expect(heard[3]).toEqual({ kind: "down", heardAt: since + 30_000 });
});

test("what does not greet is no stream yet", () => {
  vi.advanceTimersByTime(2900);
  expect(kinds()).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(kinds()).toEqual(["down"]);
  FakeEventSource.latest.greet();
  expect(kinds()).toEqual(["down", "hello"]);
});

test("a refusal is tried again, later each time", () => {
  for (const wait of [500, 1000, 2000, 5000, 5000]) {
    const before = FakeEventSource.opened.length;
    FakeEventSource.latest.break(true);
    vi.advanceTimersByTime(wait - 1);
    expect(FakeEventSource.opened).toHaveLength(before);
    vi.advanceTimersByTime(1);
    expect(FakeEventSource.opened).toHaveLength(before + 1);
  }
  FakeEventSource.latest.greet();
  FakeEventSource.latest.break(true);
  vi.advanceTimersByTime(500);
  expect(FakeEventSource.opened, "one that worked is no failure").toHaveLength(7);
});

test("a tab that slept finds out when it is looked at", () => {
  FakeEventSource.latest.greet();
  vi.setSystemTime(Date.now() + 3600_000);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(FakeEventSource.opened).toHaveLength(2);
});
