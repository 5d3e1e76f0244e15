import { screen } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import type { PresentView } from "../../api/schema";
import { makeEnvironment, makePresent } from "../../testing/builders";
import { api, serveEnvironments } from "../../testing/server";
import { show } from "../../testing/show";

const none = { used: 0.3, request: null, limit: null };
const cell = async (name: string) =>
  [...((await screen.findByRole("link", { name })).closest("tr") as HTMLTableRowElement).cells].at(-2);

function serve(...items: readonly PresentView[]): string[] {
  const asked: string[] = [];
  api.use(
    http.get("*/api/v1/usage/now", ({ request }) => {
      asked.push(new URL(request.url).searchParams.get("uids") ?? "");
      return HttpResponse.json({ items });
    }),
  );
  return asked;
}

test("one request tells of all rows that run; a row that nobody tells of has a dash and says unknown", async () => {
  serveEnvironments(
    makeEnvironment(),
    makeEnvironment({ name: "free" }),
    makeEnvironment({ name: "silent" }),
    makeEnvironment({ name: "still", phase: "Stopped" }),
  );
  const free = makePresent({ uid: "uid-free", cpu: none, memory: { ...none, used: 3 * 2 ** 20 } });
  const asked = serve(makePresent(), free);
  show("/envs");
  expect(await screen.findByText("13%")).toBeVisible();
  expect(await cell("demo")).toHaveTextContent("13%1.5 of 4 GiB");
  expect(await cell("free")).toHaveTextContent("0.3 CPU3 MiB");
  expect(await cell("silent")).toHaveTextContent("–unknown");
  expect(await cell("still")).toHaveTextContent("–unknown");
  expect(asked).toEqual(["uid-demo,uid-free,uid-silent"]);
});

test("nobody is asked where nothing runs, and where there is no room for the column", async () => {
  const asked = serve(makePresent());
  serveEnvironments(makeEnvironment({ phase: "Stopped" }));
  const { router } = show("/envs");
  expect(await cell("demo")).toHaveTextContent("–unknown");
  const before = window.matchMedia;
  vi.spyOn(window, "matchMedia").mockImplementation((query) =>
    Object.assign(before(query), { matches: !query.includes("1360") }),
  );
  await router.navigate("/me");
  serveEnvironments(makeEnvironment());
  await router.navigate("/envs");
  expect(await cell("demo")).toHaveTextContent("–unknown");
  expect(asked).toEqual([]);
  vi.restoreAllMocks();
});
