import { act, screen, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, test, vi } from "vitest";
import type { EnvironmentView, EventView, StartupView, UsageView } from "../../api/schema";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeForeign, makeMonth } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, record, serveEnvironments } from "../../testing/server";
import { show } from "../../testing/show";

const PLACE = "*/api/v1/namespaces/:namespace/environments/:name";

async function open(tab: string, ...environments: readonly EnvironmentView[]) {
  serveEnvironments(...environments);
  const shown = show(`/envs/team/demo${tab === "" ? "" : `/${tab}`}`);
  await screen.findByRole("heading", { level: 1, name: "demo" });
  return shown;
}

describe("the page", () => {
  test("loading shows the shape of what comes", async () => {
    api.use(http.get("*/api/v1/environments", () => new Promise<never>(() => undefined)));
    show("/envs/team/demo");
    expect(await screen.findByRole("status", { name: "Loading" })).toHaveAttribute("aria-busy", "true");
  });

  test("a foreign and a missing one look the same, and there is a way back", async () => {
    serveEnvironments(makeEnvironment({ name: "other" }));
    show("/envs/team/demo");
    expect(await screen.findByText("This environment does not exist or is not shared with you.")).toBeVisible();
    expect(screen.getByRole("link", { name: "Back to the environments" })).toHaveAttribute("href", "/envs");
  });

  test("an error can be tried again", async () => {
    api.use(http.get("*/api/v1/environments", () => problem(403, "no"), { once: true }));
    serveEnvironments(makeEnvironment());
    api.use(http.get("*/api/v1/environments", () => problem(403, "no"), { once: true }));
    const { user } = show("/envs/team/demo");
    await user.click(await screen.findByRole("button", { name: "Retry" }));
    expect(await screen.findByRole("heading", { level: 1, name: "demo" })).toBeVisible();
  });

  test("its parts are links, each with an address", async () => {
    const { user, router } = await open("", makeEnvironment());
    const parts = screen.getByRole("navigation", { name: "Parts of this page" });
    expect(
      within(parts)
        .getAllByRole("link")
        .map((link) => link.textContent),
    ).toEqual(["Overview", "Timeline", "Events", "Logs", "Ports", "Usage", "Settings", "YAML"]);
    await user.click(within(parts).getByRole("link", { name: "Ports" }));
    expect(router.state.location.pathname).toBe("/envs/team/demo/ports");
    expect(within(parts).getByRole("link", { name: "Ports" })).toHaveAttribute("aria-current", "page");
  });

  test("one that is deleted meanwhile stays readable, without actions", async () => {
    await open("", makeEnvironment());
    act(() => FakeEventSource.latest.say("gone", { uid: "uid-demo" }));
    expect(await screen.findByText("This environment has been deleted")).toBeVisible();
    expect(screen.getByRole("heading", { level: 1, name: "demo" })).toBeVisible();
    expect(screen.queryByRole("button", { name: /More actions/ })).toBeNull();
  });
});

describe("overview", () => {
  test("facts and the way in", async () => {
    await open("", makeEnvironment({ node: "node-1" }));
    const facts = screen.getByRole("region", { name: "Facts" });
    expect(facts).toHaveTextContent("Size2 CPU · 2Gi");
    expect(facts).not.toHaveTextContent("Next stop");
    expect(facts).toHaveTextContent("Last start8 sec");
    expect(screen.getByRole("link", { name: /http:\/\/demo--team\.localhost.*new tab/ })).toHaveAttribute(
      "href",
      "/-/open?env=demo--team",
    );
  });

  test("the next stop stands among the facts", async () => {
    await open(
      "",
      makeEnvironment({ stopsAt: new Date(Date.now() + 2 * 3600_000).toISOString(), stopsWhy: "Schedule" }),
    );
    expect(screen.getByRole("region", { name: "Facts" })).toHaveTextContent(/Next stop.*\d\d:\d\d/);
  });

  test("its address can be copied, and a browser that refuses is told of", async () => {
    const { user } = await open("", makeEnvironment());
    const button = screen.getByRole("button", { name: "Copy: http://demo--team.localhost/" });
    await user.click(button);
    expect(await navigator.clipboard.readText()).toBe("http://demo--team.localhost/");
    expect(await screen.findByText("Copied.")).toBeVisible();
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"));
    await user.click(button);
    expect(await screen.findByRole("alert")).toHaveTextContent("The browser did not allow copying");
  });

  test("the operator's conditions are there for those who look", async () => {
    const ready = {
      type: "Ready",
      status: "True" as const,
      reason: "Answering",
      message: "The editor answers.",
      lastTransitionTime: "2026-11-25T10:00:08Z",
    };
    const { user } = await open("", makeEnvironment({ conditions: [ready] }));
    await user.click(screen.getByText("What the operator has noted"));
    expect(screen.getByText("Ready=True")).toBeVisible();
  });
});

const oom = makeEnvironment({
  phase: "Failed",
  reason: "OutOfMemory",
  message: "The container used all of its 2Gi memory and was killed 3 times.",
  restarts: 3,
  conditions: [
    {
      type: "Ready",
      status: "False",
      reason: "OutOfMemory",
      message: "…",
      lastTransitionTime: "2026-11-25T10:00:08Z",
    },
  ],
});

describe("a failure", () => {
  test("has a title, a sentence with its figures, the next step and technical details to copy", async () => {
    const { user } = await open("", oom);
    const alert = screen.getByRole("alert");
    expect(alert).toHaveTextContent("Out of memory");
    expect(alert).toHaveTextContent("used all of its 2Gi memory and was killed 3 times");
    expect(within(alert).getByRole("link", { name: "Choose more memory" })).toHaveAttribute(
      "href",
      "/envs/team/demo/settings?size=larger",
    );
    expect(within(alert).getByRole("link", { name: "Output of the previous run" })).toHaveAttribute(
      "href",
      "/envs/team/demo/logs?previous=1",
    );
    expect(within(alert).getByText(/kubectl describe/)).not.toBeVisible();
    await user.click(within(alert).getByText("Technical details"));
    expect(within(alert).getByText(/kubectl describe/)).toBeVisible();
    await user.click(within(alert).getByRole("button", { name: "Copy the details" }));
    const copied = await navigator.clipboard.readText();
    expect(copied).toContain("Out of memory: The container used all of its 2Gi");
    expect(copied).toContain("kubectl describe workspaceinstance demo --namespace team");
  });

  test("is explained in Chinese, with what the page knows filled in", async () => {
    await act(async () => setLanguage("zh"));
    serveEnvironments(oom);
    show("/envs/team/demo");
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent("内存不足");
    expect(alert).toHaveTextContent("它用完了 2Gi 内存并被终止");
    await act(async () => setLanguage("en"));
  });

  test("by a limit has its numbers in Chinese, too", async () => {
    await act(async () => setLanguage("zh"));
    const shortages = [{ resource: "memory", used: "6Gi", needs: "4Gi", limit: "8Gi" }];
    serveEnvironments(
      makeEnvironment({ phase: "Pending", reason: "OwnerLimitReached", message: "In English.", shortages }),
    );
    show("/envs/team/demo");
    const told = (await screen.findByText("已达您的个人上限", { selector: "p" })).closest("[role=status]");
    expect(told).toHaveTextContent("已用 6 GiB，本次需要 4 GiB，上限 8 GiB");
    await act(async () => setLanguage("en"));
  });

  test("can be tried again in place", async () => {
    const asked = record("post", "/restart");
    const { user } = await open("", makeEnvironment({ phase: "Failed", reason: "StartTimeout", message: "Too long." }));
    await user.click(within(screen.getByRole("alert")).getByRole("button", { name: "Retry" }));
    expect(await screen.findByText("demo is being restarted.")).toBeVisible();
    expect(asked).toEqual(["team/environments/demo/restart"]);
  });

  test("an unknown reason shows the operator's words", async () => {
    await open("", makeEnvironment({ phase: "Failed", reason: "Novel", message: "Something new." }));
    expect(screen.getByRole("alert")).toHaveTextContent("FailedSomething new.");
  });

  test("what waits is no failure", async () => {
    await open("", makeEnvironment({ phase: "Pending", reason: "Unschedulable", message: "Needs 4 CPU." }));
    expect(screen.queryByRole("alert")).toBeNull();
    expect(screen.getByText("No room in the cluster").closest("[role=status]")).toHaveTextContent("Needs 4 CPU.");
  });
});

test("what waits for a restart is named, and the restart is one click away", async () => {
  const asked = record("post", "/restart");
  const { user } = await open("", makeEnvironment({ templateOutdated: true, pending: ["size", "image"] }));
  expect(screen.getByText("2 changes wait for a restart: size and image.")).toBeVisible();
  const callout = screen.getByText("Needs restart").closest("[role=status]") as HTMLElement;
  await user.click(within(callout).getByRole("button", { name: "Restart to apply" }));
  expect(asked).toEqual(["team/environments/demo/restart"]);
});

test("whoever may not manage it is not offered to", async () => {
  serveEnvironments({ ...makeForeign("Running"), name: "demo", templateOutdated: true, pending: ["size"] });
  show("/envs/team/demo");
  expect(await screen.findByText("1 change waits for a restart: size.")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Restart to apply" })).toBeNull();
});

const startup: StartupView = {
  requestedAt: "2026-11-25T10:00:00Z",
  usual: { median: 6, p95: 9, samples: 5 },
  stages: [
    { id: "queued", state: "done", startedAt: "2026-11-25T10:00:00Z", finishedAt: "2026-11-25T10:00:01Z" },
    { id: "disk", state: "done", startedAt: "2026-11-25T10:00:00Z", finishedAt: "2026-11-25T10:00:02Z" },
    { id: "scheduling", state: "done", startedAt: "2026-11-25T10:00:01Z", finishedAt: "2026-11-25T10:00:02Z" },
    { id: "image", state: "done", startedAt: "2026-11-25T10:00:02Z", finishedAt: "2026-11-25T10:00:06Z" },
    { id: "container", state: "done", startedAt: "2026-11-25T10:00:06Z", finishedAt: "2026-11-25T10:00:06Z" },
    { id: "editor", state: "done", startedAt: "2026-11-25T10:00:06Z", finishedAt: "2026-11-25T10:00:08Z" },
  ],
};

describe("timeline", () => {
  const rows = () => [...document.querySelectorAll<HTMLElement>("[data-stage]")];

  test("the stages stand in their order with their time; together they are the whole", async () => {
    await open("timeline", makeEnvironment({ startup }));
    expect(rows().map((row) => [row.dataset.stage, row.dataset.state, row.dataset.ms])).toEqual([
      ["queued", "done", "1000"],
      ["disk", "done", "2000"],
      ["scheduling", "done", "1000"],
      ["image", "done", "4000"],
      ["container", "done", "0"],
      ["editor", "done", "2000"],
    ]);
    expect(document.querySelector("[data-total-ms]")).toHaveAttribute("data-total-ms", "8000");
    expect(screen.getByText(/8 sec in all\. Usually 6 sec, rarely more than 9 sec/)).toBeVisible();
    expect(screen.queryByText(/longer than usual/)).toBeNull();
    expect(screen.getByText(/Editor answered, 8 sec after the start began/)).toBeVisible();
  });

  test("a start that goes on counts, and one that is late says so", async () => {
    const editor = { id: "editor", state: "running", startedAt: "2026-11-25T10:00:06Z", finishedAt: null } as const;
    const under = { ...startup, stages: [...startup.stages.slice(0, 5), editor] };
    await open("timeline", makeEnvironment({ phase: "Provisioning", startup: under }));
    expect(rows().at(-1)).toHaveAttribute("data-state", "running");
    expect(rows().at(-1)).not.toHaveAttribute("data-ms");
    expect(screen.getByText(/longer than usual/)).toBeVisible();
  });

  test("in a start that failed the seconds stand still", async () => {
    const image = { id: "image", state: "running", startedAt: "2026-11-25T10:00:02Z", finishedAt: null } as const;
    const failed = { ...oom, startup: { ...startup, stages: [...startup.stages.slice(0, 3), image] } };
    await open("timeline", failed);
    expect(rows().at(-1)).toHaveAttribute("data-state", "failed");
    expect(rows().at(-1)).toHaveTextContent("6 sec");
  });
});

describe("events", () => {
  const event: EventView = {
    about: "Environment",
    object: "demo",
    type: "Warning",
    reason: "OutOfMemory",
    message: "It used 2Gi.",
    count: 3,
    firstSeen: "2026-11-25T10:00:00Z",
    lastSeen: "2026-11-25T10:00:09Z",
    source: "operator",
  };

  test("ours have titles, Kubernetes' keep their words, and nothing is markup", async () => {
    const pulled = {
      ...event,
      about: "Pod" as const,
      type: "Normal" as const,
      reason: "Pulled",
      message: "<b>x</b>",
      count: 1,
    };
    api.use(http.get(`${PLACE}/events`, () => HttpResponse.json({ items: [event, pulled], complete: true })));
    await open("events", makeEnvironment());
    expect(await screen.findByText("Out of memory")).toBeVisible();
    expect(screen.getByText(/3 times/)).toBeVisible();
    expect(screen.getByText("Pulled")).toBeVisible();
    expect(screen.getByText("<b>x</b>")).toBeVisible();
  });

  test("none is said", async () => {
    api.use(http.get(`${PLACE}/events`, () => HttpResponse.json({ items: [], complete: true })));
    await open("events", makeEnvironment());
    expect(await screen.findByText("The cluster has told nothing in the last hour.")).toBeVisible();
  });

  test("an error can be tried again", async () => {
    api.use(http.get(`${PLACE}/events`, () => HttpResponse.json({ items: [event], complete: true })));
    api.use(http.get(`${PLACE}/events`, () => problem(404, "There is no such environment."), { once: true }));
    const { user } = await open("events", makeEnvironment());
    await user.click(await screen.findByRole("button", { name: "Retry" }));
    expect(await screen.findByText("Out of memory")).toBeVisible();
  });
});

describe("usage", () => {
  const usage: UsageView = {
    available: true,
    detail: "",
    measuredAt: "2026-11-25T10:00:00Z",
    window: "15s",
    cpu: { used: 0.5, request: 0.5, limit: 2 },
    memory: { used: 2 ** 30, request: null, limit: 2 ** 31 },
    disk: { used: null, request: null, limit: 10 * 2 ** 30 },
    currency: null,
    months: [makeMonth({ runningHours: 12.5, cpuHours: 6.25, memoryGibHours: 12.5, storageGibHours: 1250 })],
  };

  test("what is used stands beside what may be used; what nobody measures is unknown, not zero", async () => {
    api.use(http.get(`${PLACE}/usage`, () => HttpResponse.json(usage)));
    await open("usage", makeEnvironment());
    expect(await screen.findByText("0.5 of 2 used")).toBeVisible();
    expect(screen.getByText("1 GiB of 2 GiB used")).toBeVisible();
    expect(screen.getByText("unknown of 10 GiB used")).toBeVisible();
    expect(screen.getByRole("meter", { name: "Memory" })).toHaveAttribute("max", String(2 ** 31));
    expect(
      screen.getByText("13 h running; requested: 6.3 core hours, 13 GiB hours of memory, 1,250 GiB hours of disk"),
    ).toBeVisible();
  });

  test("with prices it says what the month costs so far", async () => {
    const priced = { ...usage, currency: "EUR", months: [makeMonth({ runningHours: 1, cost: 3.456 })] };
    api.use(http.get(`${PLACE}/usage`, () => HttpResponse.json(priced)));
    await open("usage", makeEnvironment());
    expect(await screen.findByText("Cost: €3.46")).toBeVisible();
  });

  test("without a metrics API it says so", async () => {
    const none = { used: null, request: null, limit: null };
    const detail = "This cluster has no metrics API.";
    api.use(http.get(`${PLACE}/usage`, () => HttpResponse.json({ ...usage, available: false, detail, cpu: none })));
    await open("usage", makeEnvironment());
    expect(await screen.findByText(detail)).toBeVisible();
    expect(screen.getByText("unknown used")).toBeVisible();
  });
});

describe("ports", () => {
  const ports = [{ name: "web", port: 3000, url: "http://3000--demo--team.localhost/" }];

  test("an announced port is a link to a new tab, and can be copied", async () => {
    const { user } = await open("ports", makeEnvironment({ ports }));
    const link = screen.getByRole("link", { name: /3000--demo--team/ });
    expect(link).toHaveAttribute("href", "http://3000--demo--team.localhost/");
    expect(link).toHaveAttribute("target", "_blank");
    expect(link).toHaveAttribute("rel", "noopener");
    await user.click(screen.getByRole("button", { name: "Copy: http://3000--demo--team.localhost/" }));
    expect(await navigator.clipboard.readText()).toBe("http://3000--demo--team.localhost/");
  });

  test("while it does not run, addresses are no links, and that is said", async () => {
    await open("ports", makeEnvironment({ ports, phase: "Stopped" }));
    expect(screen.getByText("These addresses answer while the environment is running.")).toBeVisible();
    expect(screen.queryByRole("link", { name: /3000--demo/ })).toBeNull();
    expect(screen.getByText("http://3000--demo--team.localhost/")).toBeVisible();
  });

  test("any other port has an address, too", async () => {
    const { user } = await open("ports", makeEnvironment());
    expect(screen.getByText("The template announces no port.")).toBeVisible();
    const field = screen.getByRole("textbox", { name: "Port" });
    await user.type(field, "70000");
    expect(field).toHaveAttribute("aria-invalid", "true");
    expect(screen.queryByRole("link", { name: /--demo--team/ })).toBeNull();
    await user.clear(field);
    await user.type(field, "8081");
    expect(screen.getByRole("link", { name: /8081--demo--team/ })).toHaveAttribute(
      "href",
      "http://8081--demo--team.localhost/",
    );
  });
});

describe("YAML", () => {
  const text = "apiVersion: v1\nmetadata:\n  name: demo\n  resourceVersion: '10'\nspec:\n  note: <script>x</script>\n";
  const serve = (body: string) =>
    api.use(
      http.get(`${PLACE}/yaml`, () => new HttpResponse(body, { headers: { "Content-Type": "application/yaml" } })),
    );

  test("the object can be read and copied, and is text only", async () => {
    serve(text);
    const { user } = await open("yaml", makeEnvironment());
    const shown = await screen.findByRole("region", { name: "YAML of demo" });
    expect(shown.textContent?.trimEnd()).toBe(text.trimEnd());
    expect(shown.querySelector("script")).toBeNull();
    expect(shown).toHaveAttribute("tabindex", "0");
    await user.click(screen.getByRole("button", { name: /^Copy/ }));
    expect(await navigator.clipboard.readText()).toBe(text);
  });

  test("it stays as it was read; that it changed is said, and it can be read again", async () => {
    serve(text);
    const { user } = await open("yaml", makeEnvironment());
    expect(await screen.findByText("As the cluster has it now.")).toBeVisible();
    serve(text.replace("'10'", "'11'"));
    act(() => FakeEventSource.latest.say("environment", makeEnvironment({ resourceVersion: "11" })));
    expect(await screen.findByText("The object has changed since it was read.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Read again" }));
    expect(await screen.findByText("As the cluster has it now.")).toBeVisible();
  });

  test("an error says so", async () => {
    api.use(http.get(`${PLACE}/yaml`, () => problem(404, "There is no such environment.")));
    await open("yaml", makeEnvironment());
    expect(await screen.findByRole("alert")).toHaveTextContent("404 There is no such environment.");
  });
});
