import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { HoldingsView } from "../../api/schema";
import { serveMe, serveSystem } from "../../testing/admin";
import {
  makeEnvironment,
  makeHolding,
  makeHoldings,
  makeMonth,
  makeUsageRow,
  makeUsageTable,
} from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, record, serveEnvironments } from "../../testing/server";
import { show } from "../../testing/show";

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const busy = makeEnvironment({ name: "busy", owner: "li.wei", readyAt: ago(200), lastActivity: ago(1) });
const idle = makeEnvironment({ name: "idle", owner: "wang.fang", readyAt: ago(200), lastActivity: ago(100) });
const failed = makeEnvironment({ name: "broken", phase: "Failed", reason: "OutOfMemory", namespace: "web" });

beforeEach(() => {
  serveMe();
  serveSystem({ id: "operator", state: "ok", detail: "operator-1", seen: "2026-11-25T12:00:00Z" });
  serveEnvironments(busy, idle, failed);
});

async function open(path = "/admin") {
  const shown = show(path);
  await screen.findByRole("heading", { name: "Administration" }, { timeout: 10_000 });
  return shown;
}

const table = () => screen.findByRole("table");
const names = async () =>
  within(await table())
    .getAllByRole("rowheader")
    .map((cell) => cell.textContent);

describe("the overview", () => {
  test("has numbers, and those of a part of the table lead to it", async () => {
    const { user, router } = await open();
    const numbers = await screen.findByRole("region", { name: "Numbers" });
    expect(within(numbers).getByText("1.5")).toBeVisible();
    expect(within(numbers).getByText("at most 6")).toBeVisible();
    await user.click(within(numbers).getByRole("button", { name: /1 Idle for more than 1 h/ }));
    expect(await names()).toEqual(["idle"]);
    expect(router.state.location.search).toBe("?show=idle");
    await user.click(within(numbers).getByRole("button", { name: "Out of memory: 1" }));
    expect(await names()).toEqual(["broken"]);
    expect(router.state.location.search).toBe("?show=failed&cause=OutOfMemory");
  });

  test("says of each whose it is, and since when nobody works in it", async () => {
    await open();
    const row = within(await table())
      .getByRole("rowheader", { name: "idle" })
      .closest("tr") as HTMLElement;
    expect(within(row).getByText("wang.fang")).toBeVisible();
    expect(within(row).getByText("2 hours ago")).toBeVisible();
    expect(within(row).queryByRole("link", { name: /Open/ })).toBeNull();
  });

  test("searches and sorts, and keeps both in the address", async () => {
    const { user, router } = await open();
    await user.click(within(await table()).getByRole("button", { name: "Owner" }));
    expect(await names()).toEqual(["broken", "busy", "idle"]);
    await user.type(screen.getByRole("searchbox", { name: /^Search by name/ }), "li.wei");
    expect(await names()).toEqual(["busy"]);
    expect(router.state.location.search).toBe("?sort=owner&q=li.wei");
  });

  test("follows what changes", async () => {
    await open();
    await table();
    act(() => FakeEventSource.latest.say("gone", { uid: "uid-busy" }));
    await waitFor(async () => expect(await names()).toEqual(["broken", "idle"]));
  });

  test("of nothing is zeros and a sentence", async () => {
    serveEnvironments();
    await open();
    expect(await screen.findByText("Nobody has created one so far.")).toBeVisible();
    expect(screen.getByRole("button", { name: "Export 0 as CSV" })).toBeDisabled();
  });

  test("gives a file with what the table shows", async () => {
    const blobs: Blob[] = [];
    URL.createObjectURL = (blob) => {
      blobs.push(blob as Blob);
      return "blob:x";
    };
    URL.revokeObjectURL = () => undefined;
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
    const { user } = await open("/admin?show=failed");
    await user.click(await screen.findByRole("button", { name: "Export 1 as CSV" }));
    expect(blobs[0]?.type).toBe("text/csv");
    expect(blobs[0]?.size).toBeGreaterThan(100);
  });
});

describe("a stop", () => {
  test("needs a reason, and leaves out those in which somebody works", async () => {
    const asked = record("post", "/stop");
    const { user } = await open();
    await user.click(within(await table()).getByRole("checkbox", { name: "Select all on this page" }));
    await user.click(screen.getByRole("button", { name: "Stop 3 selected…" }));
    const dialog = await screen.findByRole("dialog", { name: "Stop 2 environments?" });
    expect(within(dialog).getByRole("checkbox", { name: "busy of li.wei" })).not.toBeChecked();
    const confirm = within(dialog).getByRole("button", { name: "Stop 2" });
    expect(confirm).toBeDisabled();
    await user.type(within(dialog).getByRole("textbox", { name: /Reason/ }), "maintenance");
    await user.click(confirm);
    expect(await screen.findByText("2 environments are being stopped.")).toBeVisible();
    expect(asked.sort()).toEqual([
      "team/environments/idle/stop?reason=maintenance",
      "web/environments/broken/stop?reason=maintenance",
    ]);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("that is refused stays in the dialog, with the server's words and the reason", async () => {
    record("post", "/stop", () => problem(503, "The cluster does not answer; try again in a moment."));
    const { user } = await open();
    await user.click(within(await table()).getByRole("checkbox", { name: "Select idle" }));
    await user.click(screen.getByRole("button", { name: "Stop 1 selected…" }));
    const dialog = await screen.findByRole("dialog");
    await user.type(within(dialog).getByRole("textbox", { name: /Reason/ }), "maintenance");
    await user.click(within(dialog).getByRole("button", { name: "Stop 1" }));
    expect(await within(dialog).findByRole("alert")).toHaveTextContent("idle: The cluster does not answer");
    expect(within(dialog).getByRole("textbox", { name: /Reason/ })).toHaveValue("maintenance");
  });

  test("is told to the owner with name and reason", async () => {
    const stopNote = { by: "admin", reason: "maintenance", at: ago(1) };
    serveEnvironments(makeEnvironment({ name: "mine", phase: "Stopped", stopReason: "User", stopNote }));
    show("/envs");
    expect(await screen.findByText("Stopped by admin: maintenance")).toBeVisible();
  });
});

describe("the use of a month", () => {
  const rows = Array.from({ length: 12 }, (_, number) =>
    makeUsageRow({ owner: `person-${number}`, runningHours: number, storageGibHours: 240 }),
  );
  const total = makeMonth({ runningHours: 66, cpuHours: 33, storageGibHours: 2880 });

  /** Serves the table and keeps what was asked for. */
  function serveUse() {
    const asked: string[] = [];
    api.use(
      http.get("*/api/v1/usage", ({ request }) => {
        asked.push(new URL(request.url).search);
        return HttpResponse.json({ ...makeUsageTable(...rows), total });
      }),
    );
    return asked;
  }

  const section = () => screen.findByRole("region", { name: "Use by month" });

  test("is summed up by owner, the largest first, with a total and a word on the rest", async () => {
    serveUse();
    await open();
    const use = within(await section());
    expect(await use.findByRole("row", { name: "Total 66 33 0 2,880" })).toBeVisible();
    const names = use.getAllByRole("rowheader").map((cell) => cell.textContent);
    expect(names.slice(0, 2)).toEqual(["person-11", "person-10"]);
    expect(names).toHaveLength(11);
    expect(use.getByText("2 more are in the file.")).toBeVisible();
  });

  test("is told in money as well where there are prices", async () => {
    const cost = (value: number) => ({ ...makeMonth({ runningHours: 1, cost: value }) });
    const items = [makeUsageRow({ owner: "li.wei", runningHours: 1, cost: 1.5 })];
    api.use(
      http.get("*/api/v1/usage", () =>
        HttpResponse.json({ ...makeUsageTable(...items), currency: "EUR", total: cost(41.2) }),
      ),
    );
    await open();
    const use = within(await section());
    expect(await use.findByRole("columnheader", { name: "Cost" })).toBeVisible();
    expect(use.getByRole("row", { name: "li.wei 1 0 0 0 €1.50" })).toBeVisible();
    const numbers = within(screen.getByRole("region", { name: "Numbers" }));
    expect(await numbers.findByText("€41.20")).toBeVisible();
  });

  test("without prices there is no money", async () => {
    serveUse();
    await open();
    expect(await within(await section()).findByRole("columnheader", { name: "CPU, core hours" })).toBeVisible();
    expect(screen.queryByText("Cost")).toBeNull();
  });

  test("by project and of another month is asked for, and the file is of the same", async () => {
    const asked = serveUse();
    const { user } = await open();
    const use = within(await section());
    const file = use.getByRole("link", { name: "Download CSV" });
    expect(file).toHaveAttribute("href", "/api/v1/usage.csv?by=owner");
    expect(file).toHaveAttribute("download");
    await user.selectOptions(use.getByRole("combobox", { name: "Summed up by" }), "Project");
    await waitFor(() => expect(use.getByRole("combobox", { name: "Month (UTC)" })).toBeEnabled());
    await user.selectOptions(use.getByRole("combobox", { name: "Month (UTC)" }), "2026-10");
    await waitFor(() => expect(asked.at(-1)).toBe("?by=namespace&month=2026-10"));
    expect(file).toHaveAttribute("href", "/api/v1/usage.csv?by=namespace&month=2026-10");
    expect(asked[0]).toBe("?by=owner");
  });

  test("that cannot be read says so, and the rest of the page stays", async () => {
    api.use(http.get("*/api/v1/usage", () => problem(500, "no table")));
    await open();
    expect(await within(await section()).findByRole("alert")).toHaveTextContent("500 no table");
    expect(await names()).toHaveLength(3);
  });
});

describe("limits", () => {
  const bounds = { environments: "5", running: "2", cpu: null, memory: "8Gi", storage: null };
  const section = () => screen.findByRole("region", { name: "Limits and use now" });

  /** Serves these and keeps what was asked for. */
  function serveLimits(view: HoldingsView) {
    const asked: string[] = [];
    api.use(
      http.get("*/api/v1/limits", ({ request }) => {
        asked.push(new URL(request.url).search);
        return HttpResponse.json(view);
      }),
    );
    return asked;
  }

  test("are told beside what everybody has, and who is at one is marked", async () => {
    const full = makeHolding({ owner: "li.wei", running: "2", memory: "4Gi", waiting: 3, full: ["running"] });
    serveLimits(makeHoldings({ owner: bounds, items: [full, makeHolding({ namespace: "web" })], total: 12 }));
    await open();
    const limits = within(await section());
    expect(await limits.findByText(/Environments 5, Running 2, Memory 8 GiB/)).toHaveTextContent(
      "ConfigMap devworkspace-system/devworkspace-limits. At most 300 start at the same time;",
    );
    expect(
      limits.getByRole("row", { name: "li.wei 1 of 5 2 of 2 at the limit 2 4 GiB of 8 GiB 10 GiB 0 3" }),
    ).toBeVisible();
    expect(limits.getByRole("rowheader", { name: "Project web, without an owner" })).toBeVisible();
    expect(limits.getByText(/10 more that have less/)).toBeVisible();
  });

  test("of a project are counted without one person's bounds, and a name can be looked for", async () => {
    const asked = serveLimits(
      makeHoldings({ owner: bounds, startsInNamespace: 7, items: [makeHolding({ namespace: "web" })] }),
    );
    const { user } = await open();
    const limits = within(await section());
    await user.selectOptions(await limits.findByRole("combobox", { name: "Summed up by" }), "Project");
    expect(await limits.findByRole("row", { name: "web 1 1 2 2 GiB 10 GiB 0 0" })).toBeVisible();
    expect(limits.getByText(/300 start at the same time, 7 of them in one project/)).toBeVisible();
    await user.type(limits.getByRole("searchbox", { name: "Search limits by name" }), "we");
    await waitFor(() => expect(asked.at(-1)).toBe("?by=namespace&limit=10&q=we"));
    expect(asked[0]).toBe("?by=owner&limit=10");
  });

  test("that are not set say where to set them, and what cannot be read is a problem", async () => {
    serveLimits(makeHoldings());
    const { queries } = await open();
    expect(await within(await section()).findByText(/No limit is set for a person/)).toBeVisible();
    serveLimits(makeHoldings({ problem: "'owner.runing' is none of owner.running" }));
    await act(() => queries.invalidateQueries({ queryKey: ["limits"] }));
    expect(await within(await section()).findByRole("alert")).toHaveTextContent("'owner.runing' is none of");
  });
});

describe("the system", () => {
  test("is a line for each part, and a problem says what to do", async () => {
    serveSystem(
      { id: "operator", state: "problem", detail: "", seen: null },
      { id: "storage", state: "ok", detail: "fast", seen: null },
      { id: "metrics", state: "unknown", detail: "", seen: null },
    );
    await open();
    const system = await screen.findByRole("region", { name: "System" });
    expect(await within(system).findByText(/look at the operator's Deployment/)).toBeVisible();
    expect(within(system).getByText("fast is the default.")).toBeVisible();
    expect(within(system).getByText(/could not be asked/)).toBeVisible();
    expect(within(system).getByText("Changes arrive by themselves.")).toBeVisible();
  });

  test("that cannot be read says so, and the rest of the page stays", async () => {
    api.use(http.get("*/api/v1/system", () => problem(403, "not for you")));
    await open();
    expect(await screen.findByRole("alert")).toHaveTextContent("403 not for you");
    expect(await names()).toHaveLength(3);
  });
});

describe("who may not", () => {
  test("has no link to it and is told so at its address", async () => {
    serveMe({ seesAll: false });
    await open();
    expect(await screen.findByText("Not for your account")).toBeVisible();
    expect(within(screen.getByRole("navigation", { name: "Main" })).queryByText("Administration")).toBeNull();
    expect(screen.queryByRole("table")).toBeNull();
  });

  test("who may has one", async () => {
    show("/envs");
    const nav = screen.getByRole("navigation", { name: "Main" });
    expect(await within(nav).findByRole("link", { name: "Administration" })).toHaveAttribute("href", "/admin");
  });
});

test("an unreadable list is told with a way to try again", async () => {
  api.use(http.get("*/api/v1/environments", () => problem(500, "broken")));
  await open();
  expect(await screen.findByRole("alert")).toHaveTextContent("500 broken");
});
