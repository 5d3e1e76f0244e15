import { act, screen, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, test } from "vitest";
import type { FigureView, HistoryView } from "../../../api/schema";
import { setLanguage } from "../../../i18n";
import { makeEnvironment, makeFigure, makeHistory } from "../../../testing/builders";
import { api, problem, serveEnvironments } from "../../../testing/server";
import { show } from "../../../testing/show";

const PLACE = "*/api/v1/namespaces/:namespace/environments/:name";
const GIB = 2 ** 30;

/** What it used at minutes after nine. */
const at = (minute: number, part: Partial<FigureView> = {}) =>
  makeFigure({ at: new Date(Date.parse("2026-11-25T09:00:00Z") + minute * 60_000).toISOString(), ...part });
const minutes = (from: number, to: number, part: Partial<FigureView> = {}) =>
  Array.from({ length: to - from }, (_, index) => at(from + index, part));

function serve(history: HistoryView): string[] {
  const asked: string[] = [];
  api.use(
    http.get(`${PLACE}/usage`, () => problem(503, "no matter")),
    http.get(`${PLACE}/usage/history`, ({ request }) => {
      asked.push(new URL(request.url).search);
      return HttpResponse.json(history);
    }),
  );
  serveEnvironments(makeEnvironment());
  return asked;
}

const open = (address = "") => show(`/envs/team/demo/usage${address}`);
const chart = (name: string) => screen.findByRole("figure", { name });
const parts = (figure: HTMLElement, part: string) => [...figure.querySelectorAll(`[data-part="${part}"]`)];

describe("a chart", () => {
  test("has a sentence with its peak, a line, the limit, and a table", async () => {
    const figures = [...minutes(1, 59), at(59, { cpu: 1.5, memory: 3.8 * GIB }), at(60, { disk: GIB })];
    serve(makeHistory({ figures }));
    const { user } = open();
    const cpu = await chart("CPU");
    expect(cpu).toHaveTextContent(/Peak 1\.5 CPU of 2 CPU at \d\d:59, 0\.5 CPU at the end\./);
    expect(await chart("Memory")).toHaveTextContent(/Peak 3\.8 GiB of 4 GiB at \d\d:59, 1 GiB at the end\./);
    expect(await chart("Disk")).toHaveTextContent(/Peak 1 GiB of 10 GiB/);
    expect(parts(cpu, "line")).toHaveLength(1);
    expect(parts(cpu, "limit")).toHaveLength(1);
    expect(parts(cpu, "gap")).toEqual([]);
    await user.click(within(cpu).getByText("Figures as a table"));
    const rows = within(within(cpu).getByRole("table", { name: "CPU" })).getAllByRole("row");
    expect(rows).toHaveLength(13);
    expect(rows.at(-1)).toHaveTextContent(/:550\.7 CPU1\.5 CPU/);
  });

  test("without a limit has no line for it", async () => {
    serve(makeHistory({ figures: minutes(1, 60), cpuLimit: null }));
    open();
    const cpu = await chart("CPU");
    expect(cpu).toHaveTextContent(/Peak 0\.5 CPU at/);
    expect(parts(cpu, "limit")).toEqual([]);
  });

  test("shows a stop as a gap and a start as a mark, and what is unknown is not zero", async () => {
    serve(makeHistory({ figures: [...minutes(1, 20), ...minutes(40, 60)], starts: ["2026-11-25T09:39:00Z"] }));
    const { user } = open();
    const cpu = await chart("CPU");
    expect(parts(cpu, "line")).toHaveLength(2);
    expect(parts(cpu, "gap")).toHaveLength(1);
    expect(parts(cpu, "start")).toHaveLength(1);
    expect(screen.getByText(/Started at: \d\d:39/)).toBeVisible();
    await user.click(within(cpu).getByText("Figures as a table"));
    expect(within(cpu).getAllByText("unknown").length).toBeGreaterThan(0);
    expect(within(cpu).queryByText("0 CPU")).toBeNull();
  });

  test("a week has the day beside the time", async () => {
    const figures = [makeFigure({ at: "2026-11-25T08:00:00Z", seconds: 1800, cpu: 2 })];
    const asked = serve(makeHistory({ window: "7d", since: "2026-11-18T10:00:00Z", figures }));
    open("?window=7d");
    expect(await chart("CPU")).toHaveTextContent(/Peak 2 CPU of 2 CPU at 2026-11-25 \d\d:00/);
    expect(asked).toEqual(["?window=7d"]);
  });

  test("speaks Chinese", async () => {
    await act(async () => setLanguage("zh"));
    serve(makeHistory({ figures: minutes(1, 60) }));
    open();
    expect(await chart("CPU")).toHaveTextContent(/峰值 0\.5 核，上限 2 核（\d\d:01），最近为 0\.5 核。/);
    await act(async () => setLanguage("en"));
  });
});

test("the period is one of three, kept in the address", async () => {
  const asked = serve(makeHistory({ figures: minutes(1, 60) }));
  const { user, router } = open();
  await user.click(await screen.findByRole("button", { name: "24 hours" }));
  expect(router.state.location.search).toBe("?window=24h");
  expect(screen.getByRole("button", { name: "24 hours" })).toHaveAttribute("aria-pressed", "true");
  await chart("CPU");
  expect(asked).toEqual(["?window=1h", "?window=24h"]);
});

describe("why there are no figures is said", () => {
  test.each([
    ["stopped", /kept on its disk/],
    ["unmeasured", /unknown, not zero.*restart it/],
    ["silent", /could not|did not tell/],
  ] as const)("%s", async (why, text) => {
    serve(makeHistory({ why }));
    open();
    expect(await screen.findByText(text)).toBeVisible();
    expect(screen.queryByRole("figure")).toBeNull();
  });

  test("none yet", async () => {
    serve(makeHistory({ figures: [] }));
    open();
    expect(await screen.findByText(/There are no figures of this period yet/)).toBeVisible();
  });

  test("how full the disk is may be the only thing that nobody knows", async () => {
    serve(makeHistory({ figures: minutes(1, 60) }));
    open();
    await chart("CPU");
    expect(screen.getByText(/How full the disk is, is not known here/)).toBeVisible();
    expect(screen.queryByRole("figure", { name: "Disk" })).toBeNull();
  });

  test("an error can be tried again", async () => {
    serve(makeHistory({ figures: minutes(1, 60) }));
    api.use(http.get(`${PLACE}/usage/history`, () => problem(500, "broken"), { once: true }));
    const { user } = open();
    const section = await screen.findByRole("region", { name: "Over time" });
    await user.click(await within(section).findByRole("button", { name: "Retry" }));
    expect(await chart("CPU")).toBeVisible();
  });
});
