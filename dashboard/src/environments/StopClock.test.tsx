import { screen } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { formatMoment } from "../model/times";
import { makeEnvironment, makeForeign } from "../testing/builders";
import { api, problem, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

function idle(minutes: number, part = {}) {
  return makeEnvironment({ stopsAt: inMinutes(minutes), stopsWhy: "Idle", extendableUntil: inMinutes(480), ...part });
}

function recordExtensions(answer: () => Response = () => HttpResponse.json(idle(64))) {
  const asked: unknown[] = [];
  api.use(
    http.post("*/api/v1/namespaces/team/environments/:name/extend", async ({ request }) => {
      asked.push(await request.json());
      return answer();
    }),
  );
  return asked;
}

test("a row says when it stops, and why", async () => {
  serveEnvironments(
    idle(90),
    idle(90, { name: "long", stopsWhy: "MaxRunDuration", extendableUntil: null }),
    idle(90, { name: "hours", stopsWhy: "Schedule" }),
  );
  show("/envs");
  expect(await screen.findByText(/^Stops at .*\d\d:\d\d if idle$/)).toBeVisible();
  expect(screen.getByText(/^Stops at .*: longest run$/)).toBeVisible();
  expect(screen.getByText(/^Stops at .*: its hours end$/)).toBeVisible();
  expect(screen.queryByRole("button", { name: /Keep 1 h/ })).toBeNull();
});

test("five minutes before it warns, and one click keeps it for an hour", async () => {
  const asked = recordExtensions();
  const environment = idle(4);
  serveEnvironments(environment);
  const { user } = show("/envs");
  await user.click(await screen.findByRole("button", { name: "Keep 1 h demo" }));
  expect(await screen.findByText("demo is kept for another hour.")).toBeVisible();
  expect(asked).toEqual([
    { until: `${new Date(Date.parse(environment.stopsAt as string) + 3_600_000).toISOString().slice(0, 19)}Z` },
  ]);
});

test("it can be kept from the menu at any time, unless there is nothing to put off", async () => {
  const asked = recordExtensions();
  serveEnvironments(idle(90), makeEnvironment({ name: "endless" }));
  const { user } = show("/envs");
  await user.click(await screen.findByRole("button", { name: "More actions for endless" }));
  await screen.findByRole("menuitem", { name: "Delete" });
  expect(screen.queryByRole("menuitem", { name: "Keep 1 h" })).toBeNull();
  await user.keyboard("{Escape}");
  await user.click(screen.getByRole("button", { name: "More actions for demo" }));
  await user.click(await screen.findByRole("menuitem", { name: "Keep 1 h" }));
  expect(await screen.findByText("demo is kept for another hour.")).toBeVisible();
  expect(asked).toHaveLength(1);
});

test("a refusal is told in the server's words", async () => {
  recordExtensions(() => problem(422, "Its template allows 2026-11-25T20:00:00Z at the latest."));
  serveEnvironments(idle(4));
  const { user } = show("/envs");
  await user.click(await screen.findByRole("button", { name: "Keep 1 h demo" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("demo: Its template allows 2026-11-25T20:00:00Z");
});

test("who may not start it sees the warning without the button", async () => {
  serveEnvironments({
    ...makeForeign("Running"),
    stopsAt: inMinutes(4),
    stopsWhy: "Idle",
    extendableUntil: inMinutes(480),
  });
  show("/envs?owner=all");
  expect(await screen.findByText(/^Stops at .* if idle$/)).toBeVisible();
  expect(screen.queryByRole("button", { name: /Keep 1 h/ })).toBeNull();
});

test("a stopped one says when it starts, or ends", async () => {
  const stopped = {
    phase: "Stopped" as const,
    running: false,
    stoppedAt: "2026-11-25T10:00:00Z",
    stopReason: "Schedule",
  };
  const startsAt = "2030-11-26T01:00:00Z";
  const deletesAt = "2030-12-03T01:00:00Z";
  serveEnvironments(makeEnvironment({ ...stopped, startsAt }), makeEnvironment({ ...stopped, name: "old", deletesAt }));
  show("/envs");
  expect(await screen.findByText(new RegExp(`Starts at ${formatMoment(startsAt)}`))).toBeVisible();
  expect(screen.getByText(new RegExp(`Removed at ${formatMoment(deletesAt)}, disk kept`))).toBeVisible();
});
