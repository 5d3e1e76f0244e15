import { locks } from "node:worker_threads";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeEventSource } from "../testing/events";
import { SharedStream } from "./sharing";
import type { News } from "./stream";

// Channel and locks are real ones: Node.js has the browsers' both.
interface Tab {
  readonly shared: SharedStream;
  readonly heard: News[];
}

let tabs: Tab[];

beforeEach(() => {
  tabs = [];
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
});
afterEach(async () => {
  vi.useRealTimers();
  for (const { shared } of tabs) {
    shared.close();
  }
  Reflect.deleteProperty(navigator, "locks");
  document.head.replaceChildren();
  await vi.waitFor(async () => expect((await locks.query()).held).toEqual([]));
});

function open(): Tab {
  const heard: News[] = [];
  const shared = new SharedStream({ url: "/stream", onNews: (news) => heard.push(news) });
  const tab = { shared, heard };
  tabs.push(tab);
  shared.open();
  return tab;
}

async function openMany(count: number): Promise<Tab[]> {
  const opened = [];
  for (let number = 0; number < count; number++) {
    const tab = open();
    await vi.waitFor(() => expect(tab.heard.map(({ kind }) => kind)).toContain("hello"));
    opened.push(tab);
  }
  return opened;
}

const gone = (uid: string) => ({ kind: "change", change: { kind: "gone", uid } });

test("all tabs hear of one stream", async () => {
  const opened = await openMany(3);
  expect(FakeEventSource.opened).toHaveLength(1);
  FakeEventSource.latest.say("gone", { uid: "one" }, "e-1");
  for (const { heard } of opened) {
    await vi.waitFor(() => expect(heard).toContainEqual(gone("one")));
  }
  expect(opened.map(({ heard }) => heard[0])).toEqual([
    { kind: "hello", name: "admin", resumed: false },
    { kind: "hello", name: "admin", resumed: true },
    { kind: "hello", name: "admin", resumed: true },
  ]);
});

test("when the tab with the stream goes, the next one goes on where it was", async () => {
  const [first, second, third] = (await openMany(3)) as [Tab, Tab, Tab];
  FakeEventSource.latest.say("heartbeat", {}, "e-4");
  await vi.waitFor(() => expect(third.heard.at(-1)).toEqual({ kind: "heartbeat" }));
  first.shared.close();
  await vi.waitFor(() => expect(FakeEventSource.opened).toHaveLength(2));
  expect(FakeEventSource.latest.url).toBe("/stream?since=e-4");
  expect(FakeEventSource.opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
  FakeEventSource.latest.say("gone", { uid: "two" }, "e-5");
  await vi.waitFor(() => expect(third.heard).toContainEqual(gone("two")));
  expect(second.heard).toContainEqual(gone("two"));
});

test("a broken stream is broken for all", async () => {
  const opened = await openMany(2);
  FakeEventSource.latest.break(false);
  for (const { heard } of opened) {
    await vi.waitFor(() => expect(heard.at(-1)?.kind).toBe("down"));
  }
  FakeEventSource.latest.greet({ resumed: true });
  for (const { heard } of opened) {
    await vi.waitFor(() => expect(heard.at(-1)?.kind).toBe("hello"));
  }
});

test("after a sign-out nobody asks, until a tab wants to know", async () => {
  const [first, second] = (await openMany(2)) as [Tab, Tab];
  FakeEventSource.latest.break(true);
  await vi.waitFor(() => expect(second.heard.at(-1)?.kind).toBe("down"));
  first.shared.rest();
  second.shared.rest();
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(FakeEventSource.opened).toHaveLength(1);
  await openMany(1);
  expect(FakeEventSource.opened, "by the tab that leads").toHaveLength(2);
  await vi.waitFor(() => expect(second.heard.at(-1)?.kind).toBe("hello"));
});

test("a tab that leads and says nothing loses the lead", async () => {
  const frozen = locks.request("dw-live /", () => new Promise<never>(() => undefined));
  const lost = expect(frozen).rejects.toMatchObject({ name: "AbortError" });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  const { heard } = open();
  await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(40_000);
  expect(heard.map(({ kind }) => kind)).toEqual(["down"]);
  expect(FakeEventSource.opened).toHaveLength(0);
  vi.advanceTimersByTime(15_000);
  vi.useRealTimers();
  await vi.waitFor(() => expect(heard.at(-1)?.kind).toBe("hello"));
  await lost;
});

test("where environments have our origin, every tab has its own stream", async () => {
  const proof = document.createElement("meta");
  proof.name = "page-proof";
  proof.content = "a word";
  document.head.append(proof);
  await openMany(2);
  expect(FakeEventSource.opened).toHaveLength(2);
});
