import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test } from "vitest";
import type { EnvironmentRequest, NamespaceQuota } from "../../api/schema";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeTemplate } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, record, refusal, serveEnvironments, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

const CREATE = "*/api/v1/namespaces/:namespace/environments";
const address = () => screen.getByRole("textbox", { name: "Address" });
const create = () => screen.getByRole("button", { name: "Create and open" });
const createOnly = () => screen.getByRole("button", { name: "Create only" });

let made: EnvironmentRequest[];
/** The projects of these. */
let places: unknown[];

/** The cluster takes what comes; keeps what was really created. */
function acceptCreations(): void {
  made = [];
  places = [];
  api.use(
    http.post(CREATE, async ({ request, params }) => {
      const body = (await request.json()) as EnvironmentRequest;
      if (new URL(request.url).searchParams.get("dryRun") !== "true") {
        made.push(body);
        places.push(params.namespace);
      }
      return HttpResponse.json(makeEnvironment({ name: body.name }), { status: 201 });
    }),
  );
}

function serveQuota(quota: Partial<NamespaceQuota>): void {
  api.use(
    http.get("*/api/v1/namespaces/:namespace/quota", ({ params }) =>
      HttpResponse.json({ namespace: params.namespace, quotas: [], limits: [], own: [], ...quota }),
    ),
  );
}

beforeEach(() => {
  serveQuota({});
  acceptCreations();
});

async function open(path = "/new") {
  const shown = show(path);
  await screen.findByRole("radio", { name: /Python 3/ }, { timeout: 10_000 });
  return shown;
}

async function openWithTemplate() {
  const shown = await open();
  await shown.user.click(screen.getByRole("radio", { name: /Python 3/ }));
  return shown;
}

describe("the suggested address", () => {
  test("is valid, is free, and another one comes on request", async () => {
    serveEnvironments(makeEnvironment({ name: "python-amber-badger" }));
    const { user } = await openWithTemplate();
    const first = (address() as HTMLInputElement).value;
    expect(first).toMatch(/^python-[a-z]+-[a-z]+$/);
    const seen = new Set([first]);
    for (let press = 0; press < 5; press += 1) {
      await user.click(screen.getByRole("button", { name: "Suggest another address" }));
      seen.add((address() as HTMLInputElement).value);
      expect(address()).not.toBeInvalid();
    }
    expect(seen.size).toBeGreaterThan(1);
    expect(seen).not.toContain("python-amber-badger");
  });

  test("follows the name until somebody writes one of their own", async () => {
    const { user } = await openWithTemplate();
    const name = screen.getByRole("textbox", { name: "Name" });
    await user.type(name, "Payments API");
    expect(address()).toHaveValue("payments-api");
    await user.clear(address());
    await user.type(address(), "Mine");
    await user.type(name, " 2");
    expect(address()).toHaveValue("mine");
  });
});

test("a template says how long its start takes, and when its environments stop by themselves", async () => {
  serveTemplates(
    makeTemplate({ usualStart: { median: 8.2, p95: 21, samples: 5 }, idleTimeout: "1h30m" }),
    makeTemplate({ name: "go", displayName: "Go", readyAtOnce: true }),
  );
  await openWithTemplate();
  expect(screen.getByRole("radio", { name: /Python 3.* usually 8.2 sec$/ })).toBeVisible();
  expect(screen.getByRole("radio", { name: /^Go\s*Ready at once/ })).toBeVisible();
  expect(screen.getByText("after 1 hr 30 min without work")).toBeVisible();
});

describe("a name that is wrong", () => {
  test.each([
    ["A_b", /Small letters, digits and dashes/],
    ["-x", /Small letters, digits and dashes/],
    ["x".repeat(64), /At most 40 characters/],
    ["taken", /taken in project team/],
  ])("%s is told at its field, and nothing is created", async (wrong, sentence) => {
    serveEnvironments(makeEnvironment({ name: "taken" }));
    const { user } = await openWithTemplate();
    await user.clear(address());
    await user.type(address(), wrong);
    expect(address()).toBeInvalid();
    expect(address()).toHaveAccessibleDescription(sentence);
    await user.click(create());
    expect(address()).toHaveFocus();
    expect(made).toEqual([]);
  });
});

test("without a template, the button leads to the templates", async () => {
  const { user } = await open();
  expect(screen.queryByText("Choose a template.")).toBeNull();
  await user.click(create());
  expect(screen.getByRole("radio", { name: /Python 3/ })).toHaveFocus();
  expect(screen.getAllByText("Choose a template.")[0]).toBeVisible();
  expect(made).toEqual([]);
});

test("what the cluster refuses in advance stands at its field, which gets the focus", async () => {
  const sentence = "Template 'python' allows at most 2 of cpu, and this asks for 16; lower the override.";
  api.use(
    http.post(CREATE, () =>
      problem(422, sentence, [{ field: "spec.overrides.resources.limits.cpu", message: sentence }]),
    ),
  );
  const { user } = await openWithTemplate();
  await user.click(screen.getByRole("radio", { name: /Exact numbers/ }));
  const cpu = screen.getByRole("textbox", { name: "CPU" });
  await user.type(cpu, "16");
  await waitFor(() => expect(cpu).toBeInvalid());
  expect(cpu).toHaveAccessibleDescription(expect.stringContaining(sentence));
  await user.click(create());
  expect(cpu).toHaveFocus();
});

test("a refusal at the last moment keeps all input and comes back to its field", async () => {
  const sentence = "Images from outside are not allowed here.";
  api.use(
    http.post(CREATE, async ({ request }) =>
      new URL(request.url).searchParams.get("dryRun") === "true"
        ? HttpResponse.json(makeEnvironment(), { status: 201 })
        : problem(422, sentence, [{ field: "spec.displayName", message: sentence }]),
    ),
  );
  const { user } = await openWithTemplate();
  await user.type(screen.getByRole("textbox", { name: "Name" }), "Payments");
  await user.click(createOnly());
  await waitFor(() => expect(screen.getByRole("textbox", { name: "Name" })).toBeInvalid());
  expect(screen.getByRole("textbox", { name: "Name" })).toHaveAccessibleDescription(expect.stringContaining(sentence));
  expect(screen.getByRole("textbox", { name: "Name" })).toHaveValue("Payments");
  expect(address()).toHaveValue("payments");
  expect(screen.getByRole("radio", { name: /Python 3/ })).toBeChecked();
});

test("the click creates what the form says", async () => {
  const { user, router } = await openWithTemplate();
  await user.type(screen.getByRole("textbox", { name: "Name" }), "Payments");
  await user.click(createOnly());
  await screen.findByText("payments is created.");
  expect(made).toMatchObject([{ name: "payments", template: "python", displayName: "Payments", running: true }]);
  expect(router.state.location.pathname).toBe("/envs");
});

describe("who is quicker than the list of projects", () => {
  let answer: (projects: readonly string[]) => void;

  beforeEach(() => {
    const projects = new Promise<readonly string[]>((resolve) => {
      answer = resolve;
    });
    api.use(
      http.get("*/api/v1/namespaces", async () =>
        HttpResponse.json({ items: (await projects).map((name) => ({ name, workspace: "" })) }),
      ),
    );
  });

  test("waits for it and has the environment, once", async () => {
    const { user } = await openWithTemplate();
    await user.click(createOnly());
    expect(createOnly()).toBeDisabled();
    expect(screen.queryByText("1 problem")).toBeNull();
    expect(made).toEqual([]);
    answer(["team"]);
    expect(await screen.findByText(/is created/)).toBeVisible();
    expect(made).toHaveLength(1);
  });

  test("is told what is missing where there is none", async () => {
    const { user } = await openWithTemplate();
    await user.click(createOnly());
    answer([]);
    expect(await screen.findByText("1 problem")).toBeInTheDocument();
    expect(made).toEqual([]);
  });

  test("of a link gets no project that is not the person's", async () => {
    const { user } = await open("/new?template=python&ns=theirs");
    await user.click(createOnly());
    answer(["team"]);
    await waitFor(() => expect(made).toHaveLength(1));
    expect(places).toEqual(["team"]);
  });
});

test("the preview is what the server makes of the form, once somebody wants to see it", async () => {
  const asked: EnvironmentRequest[] = [];
  api.use(
    http.post("*/api/v1/namespaces/:namespace/manifest", async ({ request }) => {
      asked.push((await request.json()) as EnvironmentRequest);
      return HttpResponse.text("kind: WorkspaceInstance\nspec:\n  templateRef: python\n");
    }),
  );
  const { user } = await openWithTemplate();
  await user.type(screen.getByRole("textbox", { name: "Name" }), "Payments");
  await user.click(screen.getByText("Advanced"));
  expect(asked).toEqual([]);
  await user.click(screen.getByText("YAML"));
  const preview = await screen.findByRole("region", { name: "YAML of the new environment" });
  expect(preview).toHaveTextContent("templateRef: python");
  await waitFor(() =>
    expect(asked.at(-1)).toMatchObject({ name: "payments", template: "python", displayName: "Payments" }),
  );
  expect(screen.getByRole("button", { name: "Copy: YAML of the new environment" })).toBeVisible();
});

test("the template that was used last comes first, and is not chosen by that", async () => {
  localStorage.removeItem("dw-template");
  serveTemplates(makeTemplate({ name: "go", displayName: "Go" }), makeTemplate());
  const { user, router } = await openWithTemplate();
  const order = () => screen.getAllByRole("radio", { name: /Go|Python/ }).map((radio) => radio.getAttribute("value"));
  expect(order()).toEqual(["go", "python"]);
  await user.click(createOnly());
  await screen.findByText(/is created\./);
  await screen.findByRole("heading", { level: 1, name: "Dev Environments" });
  await act(() => router.navigate("/new"));
  expect(await screen.findByRole("radio", { name: /Python 3/ })).not.toBeChecked();
  expect(order()).toEqual(["python", "go"]);
});

test("a check that is not answered does not stop anybody", async () => {
  api.use(http.post(CREATE, () => HttpResponse.error(), { once: true }));
  const { user } = await openWithTemplate();
  expect(await screen.findByText(/Could not check in advance/)).toBeVisible();
  await user.click(createOnly());
  await screen.findByText(/is created\./);
});

describe("a link", () => {
  test("fills in, names what it may not, and creates nothing", async () => {
    const { user } = await open("/new?template=python&name=Payments&size=medium&repo=https://x.example&dotfiles=y");
    serveTemplates(makeTemplate());
    expect(screen.getByText("Filled in from a link – check, then create")).toBeVisible();
    expect(screen.getByText("Ignored from the link: repo, dotfiles")).toBeVisible();
    await waitFor(() => expect(address()).toHaveValue("payments"));
    expect(screen.getByRole("radio", { name: /^M/ })).toBeChecked();
    await user.keyboard("{Enter}");
    act(() => address().focus());
    await user.keyboard("{Enter}{Control>}{Enter}{/Control}");
    expect(made).toEqual([]);
    await user.click(createOnly());
    await screen.findByText("payments is created.");
    expect(made).toHaveLength(1);
  });

  test("gets no project that is not the person's, and no size that the template forbids", async () => {
    await open("/new?template=python&ns=foreign&size=large");
    expect(await screen.findByText("Ignored from the link: ns, size")).toBeVisible();
    expect(screen.getByRole("radio", { name: /Template default/ })).toBeChecked();
  });

  test("to a template that is not there says so", async () => {
    await open("/new?template=gone");
    expect((await screen.findAllByText(/There is no template gone/))[0]).toBeVisible();
  });
});

describe("the project's quota", () => {
  const item = (resource: string, hard: string, used: string, left: number) => ({ resource, hard, used, left });
  const quota = (used: number) => ({
    quotas: [
      {
        name: "all",
        scopes: [],
        items: [
          item("limits.cpu", "8", String(used), 8 - used),
          item("limits.memory", "32Gi", "10Gi", 22 * 2 ** 30),
          item("requests.storage", "100Gi", "40Gi", 60 * 2 ** 30),
        ],
      },
    ],
  });

  test("is shown with what this environment would take, before it is created", async () => {
    serveQuota(quota(5));
    await openWithTemplate();
    const panel = await screen.findByRole("region", { name: "Quota of project team" });
    expect(within(panel).getByText("5 used + 2 for this of 8")).toBeVisible();
    expect(within(panel).getByText("40 GiB used + 10 GiB for this of 100 GiB")).toBeVisible();
    expect(within(panel).queryByRole("button")).toBeNull();
  });

  test("that is used up offers to stop another one, and then the form goes on by itself", async () => {
    const other = makeEnvironment({ name: "other", cpu: "4" });
    serveEnvironments(other, makeEnvironment({ name: "elsewhere", namespace: "web" }));
    serveQuota(quota(7));
    const asked = record("post", "/stop");
    const { user } = await openWithTemplate();
    const panel = await screen.findByRole("region", { name: "Quota of project team" });
    expect(within(panel).getByText(/Not enough left of: CPU/)).toBeVisible();
    expect(screen.getByRole("radio", { name: /S.*1 CPU/ })).toBeInTheDocument();
    expect(within(panel).queryByText("elsewhere")).toBeNull();
    await user.click(create());
    expect(within(panel).getByRole("button", { name: "Stop other" })).toHaveFocus();
    expect(made).toEqual([]);

    await user.click(within(panel).getByRole("button", { name: "Stop other" }));
    expect(asked).toEqual(["team/environments/other/stop"]);
    serveQuota(quota(3));
    act(() => FakeEventSource.latest.say("environment", { ...other, phase: "Stopped", resourceVersion: "11" }));
    expect(await within(panel).findByText("3 used + 2 for this of 8")).toBeVisible();
    await user.click(createOnly());
    await screen.findByText(/is created\./);
  });

  test("that only the server counts is told with its numbers, in both languages", async () => {
    const gpu = { resource: "requests.nvidia.com/gpu", used: "4", needs: "1", limit: "4" };
    const pods = { resource: "pods", used: "9", needs: "1", limit: "9" };
    api.use(http.post(CREATE, () => refusal("QuotaExceeded", pods, gpu)));
    await openWithTemplate();
    const summary = screen.getByRole("complementary", { name: "Summary" });
    expect(
      await within(summary).findByText(
        /\(running pods: 9 used \+ 1 for this, at most 9; requests\.nvidia\.com\/gpu: 4 used \+ 1 for this, at most 4\)/,
      ),
    ).toBeVisible();
    act(() => setLanguage("zh"));
    expect(await within(summary).findByText(/运行中的容器组：已用 9，本次需要 1，上限 9；/)).toBeVisible();
    act(() => setLanguage("en"));
  });

  test("of one's own that is used up is told with its numbers where it is refused", async () => {
    serveQuota({ own: [item("running", "3", "3", 0)] });
    api.use(
      http.post(CREATE, () => refusal("OwnerLimitReached", { resource: "running", used: "3", needs: "1", limit: "3" })),
    );
    await openWithTemplate();
    const summary = screen.getByRole("complementary", { name: "Summary" });
    expect(
      await within(summary).findByText(/your running environments: 3 used \+ 1 for this, at most 3/),
    ).toBeVisible();
    await waitFor(() => expect(within(summary).queryByText(/Checking/)).toBeNull());
    expect(within(summary).getAllByText(/3 used/)).toHaveLength(1);
  });

  test("a limit for each environment is told like one", async () => {
    const limit = { name: "l", type: "Container" as const, min: null, default: null, defaultRequest: null };
    serveQuota({ limits: [{ ...limit, resource: "memory", max: "1Gi" }] });
    await openWithTemplate();
    expect(
      await screen.findByText("At most 1 GiB of memory for each in this project; this asks for 2 GiB."),
    ).toBeVisible();
  });

  test("that cannot be read stops nobody", async () => {
    api.use(http.get("*/api/v1/namespaces/:namespace/quota", () => problem(403, "no")));
    const { user } = await openWithTemplate();
    expect(await screen.findByText(/quota of project team could not be read/)).toBeVisible();
    await user.click(createOnly());
    await screen.findByText(/is created\./);
  });
});

test("who may create nowhere is told whom to ask", async () => {
  api.use(http.get("*/api/v1/namespaces", () => HttpResponse.json({ items: [] })));
  show("/new");
  expect(
    await screen.findByText("You may not create environments in any project", {}, { timeout: 10_000 }),
  ).toBeVisible();
});

test("what was typed outlives a failed reading of projects and templates", async () => {
  const { user, queries } = await openWithTemplate();
  await user.type(screen.getByRole("textbox", { name: "Name" }), "Payments");
  api.use(
    http.get("*/api/v1/namespaces", () => HttpResponse.error()),
    http.get("*/api/v1/templates", () => HttpResponse.error()),
  );
  await act(() => queries.invalidateQueries());
  expect(screen.getByRole("textbox", { name: "Name" })).toHaveValue("Payments");
  expect(screen.getByRole("radio", { name: /Python 3/ })).toBeChecked();
});
