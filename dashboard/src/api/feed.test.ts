import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import { makeEnvironment } from "../testing/builders";
import { api } from "../testing/server";
import { ENVIRONMENTS, type Environments, Feed } from "./feed";

const version = (environments: Environments | undefined, name: string) =>
  environments?.get(`uid-${name}`)?.resourceVersion;

test("all pages are read", async () => {
  api.use(
    http.get("*/api/v1/environments", ({ request }) => {
      const first = new URL(request.url).searchParams.get("cursor") === null;
      const items = [makeEnvironment({ name: first ? "one" : "two" })];
      return HttpResponse.json({ items, total: 2, next: first ? "uid-one" : null });
    }),
  );
  const found = await new Feed(new QueryClient()).load(new AbortController().signal);
  expect([...found.keys()]).toEqual(["uid-one", "uid-two"]);
});

test("what changes while the list is being read is newer than the list", async () => {
  const feed = new Feed(new QueryClient());
  api.use(
    http.get("*/api/v1/environments", () => {
      feed.apply({ kind: "environment", environment: makeEnvironment({ name: "one", resourceVersion: "12" }) });
      feed.apply({ kind: "gone", uid: "uid-two" });
      return HttpResponse.json({
        items: [makeEnvironment({ name: "one" }), makeEnvironment({ name: "two" })],
        total: 2,
        next: null,
      });
    }),
  );
  const found = await feed.load(new AbortController().signal);
  expect(version(found, "one")).toBe("12");
  expect(found.has("uid-two")).toBe(false);
});

test("many changes are drawn once, and an older version never replaces a newer one", () => {
  vi.useFakeTimers();
  const queries = new QueryClient();
  queries.setQueryData(ENVIRONMENTS, new Map([["uid-one", makeEnvironment({ name: "one", resourceVersion: "100" })]]));
  const feed = new Feed(queries);
  for (const resourceVersion of ["99", "101", "102"]) {
    feed.apply({ kind: "environment", environment: makeEnvironment({ name: "one", resourceVersion }) });
  }
  vi.advanceTimersByTime(1000);
  vi.useRealTimers();
  expect(version(queries.getQueryData(ENVIRONMENTS), "one")).toBe("102");
  expect(queries.getQueryState(ENVIRONMENTS)?.dataUpdateCount, "the first one, and all changes together").toBe(2);
});

test("a stream that has begun before the list was read costs no second reading", async () => {
  const queries = new QueryClient();
  const feed = new Feed(queries);
  let asked = 0;
  api.use(
    http.get("*/api/v1/environments", () => {
      asked += 1;
      return HttpResponse.json({ items: [], total: 0, next: null });
    }),
  );
  const reading = new QueryObserver(queries, { queryKey: ENVIRONMENTS, queryFn: ({ signal }) => feed.load(signal) });
  const stop = reading.subscribe(() => undefined);
  feed.begin(false);
  await vi.waitFor(() => expect(reading.getCurrentResult().isSuccess).toBe(true));
  feed.begin(true);
  expect(asked).toBe(1);
  feed.begin(false);
  await vi.waitFor(() => expect(asked, "a later one may lack something").toBe(2));
  stop();
});
