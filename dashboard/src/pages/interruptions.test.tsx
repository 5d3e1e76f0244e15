import { act, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { afterEach, expect, test, vi } from "vitest";
import { formatClock } from "../model/times";
import { makeEnvironment } from "../testing/builders";
import { FakeEventSource } from "../testing/events";
import { api, problem, record, serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

const offline = (on: boolean) =>
  act(() => {
    vi.spyOn(navigator, "onLine", "get").mockReturnValue(!on);
    window.dispatchEvent(new Event(on ? "offline" : "online"));
  });

const strip = () => document.querySelector("[data-interruption]");

afterEach(() => offline(false));

test("an action without a network is refused, and not done later", async () => {
  serveEnvironments(makeEnvironment({ phase: "Failed" }));
  const { user } = show("/envs");
  await screen.findByRole("link", { name: "demo" });
  record("post", "/restart", () => HttpResponse.error());
  offline(true);
  await user.click(screen.getByRole("button", { name: "Retry demo" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("demo: You are offline.");
  const asked = record("post", "/restart");
  offline(false);
  await waitFor(() => expect(strip()).toBeNull());
  expect(asked).toEqual([]);
});

test("without a network the page says so at once, and goes on by itself", async () => {
  serveEnvironments(makeEnvironment());
  show("/envs");
  await screen.findByRole("link", { name: "demo" });
  offline(true);
  expect(strip()).toHaveTextContent(/^You are offline – data from \d\d:\d\d:\d\d/);
  expect(strip(), "not since 1970").not.toHaveTextContent(formatClock(0));
  const streams = FakeEventSource.opened.length;
  offline(false);
  expect(strip()).toBeNull();
  expect(FakeEventSource.opened.length).toBeGreaterThan(streams);
});

test("an ended session that was put aside stays visible, and the page goes on after another tab signed in", async () => {
  serveEnvironments(makeEnvironment());
  const { user } = show("/envs");
  await screen.findByRole("link", { name: "demo" });
  api.use(http.get("*/api/v1/me", () => problem(401, "Sign in first.")));
  act(() => FakeEventSource.latest.break(true));
  await screen.findByRole("dialog", { name: "Your session has ended" });
  await user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(screen.getByRole("link", { name: /Sign in again/ })).toBeVisible();
  api.resetHandlers();
  serveEnvironments(makeEnvironment());
  await waitFor(() => expect(screen.queryByRole("link", { name: /Sign in again/ })).toBeNull());
});

test("a right that was taken away shows as soon as somebody uses it", async () => {
  serveEnvironments(makeEnvironment(), makeEnvironment({ name: "other", phase: "Failed" }));
  record("post", "/restart", () => problem(404, "There is no such environment."));
  const { user } = show("/envs");
  await screen.findByRole("link", { name: "other" });
  serveEnvironments(makeEnvironment());
  await user.click(screen.getByRole("button", { name: "Retry other" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("other: There is no such environment.");
  await waitFor(() => expect(document.querySelector("[data-uid='uid-other']:not([data-gone])")).toBeNull());
});
