import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test } from "vitest";
import type { EnvironmentPatch, EnvironmentView } from "../../../api/schema";
import { makeEnvironment, makeForeign, makeTemplate } from "../../../testing/builders";
import { FakeEventSource } from "../../../testing/events";
import { api, problem, record, serveEnvironments } from "../../../testing/server";
import { show } from "../../../testing/show";

const PLACE = "*/api/v1/namespaces/:namespace/environments/:name";

interface Asked {
  readonly dryRun: boolean;
  readonly match: string | null;
  readonly patch: EnvironmentPatch;
}

/** The server's side of one environment: versions, and what was asked of it. */
function serve(first: EnvironmentView = makeEnvironment()) {
  const asked: Asked[] = [];
  let stored = first;
  serveEnvironments(first);
  api.use(
    http.get("*/api/v1/templates/python", () =>
      HttpResponse.json(makeTemplate({ ownVariables: true, images: ["python:2"], idleTimeout: "1h" })),
    ),
    http.get(PLACE, () => HttpResponse.json(stored)),
    http.patch(PLACE, async ({ request }) => {
      const patch = (await request.json()) as EnvironmentPatch;
      const dryRun = new URL(request.url).searchParams.get("dryRun") === "true";
      const match = request.headers.get("If-Match");
      asked.push({ dryRun, match, patch });
      if (match !== null && match !== stored.resourceVersion) {
        return problem(412, "It was changed since you read it; read it again and decide anew.");
      }
      const { displayName, cpu, memory, storage } = patch;
      const own = { ...stored.own, ...(cpu && { cpu }), ...(memory && { memory }), ...(storage && { storage }) };
      const result = { ...stored, own, ...(displayName && { displayName }) };
      if (!dryRun) {
        stored = { ...result, resourceVersion: String(Number(stored.resourceVersion) + 1) };
        return HttpResponse.json(stored);
      }
      return HttpResponse.json(result);
    }),
  );
  return {
    asked,
    saves: () => asked.filter(({ dryRun }) => !dryRun),
    /** Another version, of which the stream has not told. */
    move: (part: Partial<EnvironmentView>) => {
      stored = { ...stored, ...part, resourceVersion: String(Number(stored.resourceVersion) + 1) };
    },
    tell: () => act(() => FakeEventSource.latest.say("environment", stored)),
  };
}

// By label and text: looking for roles in a form of this size takes long.
const save = () => screen.getByText("Save").closest("button") as HTMLButtonElement;
const name = () => screen.findByLabelText("Name", { selector: "input" });

beforeEach(() => localStorage.clear());

describe("saving", () => {
  test("nothing is asked until something was changed; then only that is sent, with the version", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await name();
    expect(screen.queryByText("Save")).toBeNull();
    await user.type(await name(), "New");
    await user.selectOptions(screen.getByLabelText("Size"), "medium");
    expect(screen.getByText(/3 changes: Name, CPU, Memory/)).toBeVisible();
    await user.click(save());
    expect(await screen.findByText("Saved. What runs was not disturbed.")).toBeVisible();
    const patch = { displayName: "New", cpu: "2", memory: "4Gi" };
    expect(server.saves()).toEqual([{ dryRun: false, match: "10", patch }]);
    expect(await screen.findByRole("heading", { level: 1, name: "New" })).toBeVisible();
    expect(screen.queryByText("Save")).toBeNull();
  });

  test("a new version without other settings is no obstacle: signs of life make one every minute", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await user.type(await name(), "New");
    server.move({ lastActivity: "2026-11-25T10:09:00Z" });
    await user.click(save());
    expect(await screen.findByText(/^Saved/)).toBeVisible();
    expect(server.saves().map(({ match }) => match)).toEqual(["10", "11"]);
  });

  test("what somebody else changed is told, what was typed stays, and goes on from there", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await user.type(await name(), "Mine");
    server.move({ description: "theirs" });
    await user.click(save());
    expect(await screen.findByText("Changed meanwhile – reload")).toBeVisible();
    expect(screen.getByText(/Somebody else has changed: Description/)).toBeVisible();
    expect(await name()).toHaveValue("Mine");
    expect(server.saves()).toHaveLength(1);
    await user.click(screen.getByText("Reload and keep my input"));
    expect(screen.getByLabelText("Description")).toHaveValue("theirs");
    expect(await name()).toHaveValue("Mine");
    await user.click(save());
    expect(await screen.findByText(/^Saved/)).toBeVisible();
    expect(server.saves().at(-1)).toEqual({ dryRun: false, match: "11", patch: { displayName: "Mine" } });
  });

  test("a change of others is shown at once where nothing was typed", async () => {
    const server = serve();
    show("/envs/team/demo/settings");
    await name();
    server.move({ displayName: "Theirs" });
    await server.tell();
    await waitFor(async () => expect(await name()).toHaveValue("Theirs"));
    expect(screen.queryByText("Changed meanwhile – reload")).toBeNull();
  });

  test("a refusal keeps everything that was typed", async () => {
    serve();
    api.use(http.patch(PLACE, () => problem(503, "The cluster does not answer; try again in a moment.")));
    const { user } = show("/envs/team/demo/settings");
    await user.type(await name(), "New");
    await user.click(save());
    expect(await screen.findByRole("alert")).toHaveTextContent("The cluster does not answer");
    expect(await name()).toHaveValue("New");
    expect(save()).toBeEnabled();
  });

  test("it can be given up", async () => {
    serve();
    const { user } = show("/envs/team/demo/settings");
    await user.type(await name(), "New");
    await user.click(screen.getByText("Discard"));
    expect(await name()).toHaveValue("");
  });
});

describe("weekly hours", () => {
  test("are added, changed and saved; without a time they are not", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await name();
    await user.click(screen.getByText("Add hours"));
    const rule = within(screen.getByRole("group", { name: "Hours 1" }));
    await user.click(rule.getByLabelText("Sat"));
    await user.clear(rule.getByLabelText("Stops at"));
    expect(screen.getByText("Choose a day and a time for each.")).toBeVisible();
    await user.type(rule.getByLabelText("Starts at"), "08:30");
    await user.type(rule.getByLabelText("Stops at"), "19:00");
    expect(screen.queryByText("Choose a day and a time for each.")).toBeNull();
    await user.click(save());
    expect(await screen.findByText(/^Saved/)).toBeVisible();
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    expect(server.saves().at(-1)?.patch).toEqual({
      schedule: [{ timeZone, days, start: "08:30", stop: "19:00", except: [] }],
    });
  });

  test("that are taken away go back to the template's, and exceptions are kept until then", async () => {
    const { own } = makeEnvironment();
    const schedule = [{ timeZone: "UTC", stop: "20:00", except: ["2026-10-01"] }];
    const server = serve(makeEnvironment({ own: { ...own, schedule } }));
    const { user } = show("/envs/team/demo/settings");
    await name();
    expect(screen.getByText(/clocks of UTC.*2026-10-01/)).toBeVisible();
    await user.click(screen.getByLabelText("Remove hours 1"));
    await user.click(save());
    expect(await screen.findByText(/^Saved/)).toBeVisible();
    expect(server.saves().at(-1)?.patch).toEqual({ schedule: null });
  });
});

describe("checking", () => {
  test("what is certain is said at once; with it, Save leads to the field and sends nothing", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await name();
    const disk = screen.getByLabelText("Disk size");
    await user.type(disk, "5Gi");
    expect(disk).toHaveAccessibleDescription(/A disk cannot shrink; it has 10Gi now/);
    expect(disk).toHaveAttribute("aria-invalid", "true");
    await user.click(save());
    expect(disk).toHaveFocus();
    expect(server.asked).toEqual([]);
  });

  test("the rest the cluster says by a dry run, at its field", async () => {
    serve();
    const message = "PATH is reserved.";
    api.use(
      http.patch(PLACE, ({ request }) =>
        new URL(request.url).searchParams.get("dryRun") === "true"
          ? problem(422, message, [{ field: "spec.overrides.env[0].name", message }])
          : new HttpResponse(null, { status: 500 }),
      ),
    );
    const { user } = show("/envs/team/demo/settings");
    await name();
    await user.click(screen.getByText("Add a variable"));
    await user.type(screen.getByLabelText("Name of variable 1"), "PATH");
    expect(await screen.findByRole("alert")).toHaveTextContent(message);
  });

  test("what cannot be checked can be saved nevertheless", async () => {
    const server = serve();
    api.use(http.patch(PLACE, () => problem(503, "away"), { once: true }));
    const { user } = show("/envs/team/demo/settings");
    await user.type(await name(), "x");
    expect(await screen.findByText(/Could not check in advance/)).toBeVisible();
    await user.click(save());
    expect(await screen.findByText(/^Saved/)).toBeVisible();
    expect(server.saves()).toHaveLength(1);
  });
});

describe("bounds", () => {
  test("a stop time beyond the template's is disabled, with the reason", async () => {
    serve();
    show("/envs/team/demo/settings");
    const field = await screen.findByLabelText("Stop when unused for");
    expect(within(field).getByRole("option", { name: "As the template says: 1 hr" })).toBeEnabled();
    expect(within(field).getByRole("option", { name: "30 min" })).toBeEnabled();
    expect(within(field).getByRole("option", { name: "3 hr – longer than the template allows" })).toBeDisabled();
  });

  test("another length can be typed", async () => {
    const server = serve();
    const { user } = show("/envs/team/demo/settings");
    await user.selectOptions(await screen.findByLabelText("Stop when unused for"), "Another length");
    await user.type(screen.getByLabelText("Stop when unused for: length"), "45m");
    await user.click(save());
    await screen.findByText(/^Saved/);
    expect(server.saves()[0]?.patch).toEqual({ idleTimeout: "45m" });
  });

  test("only sizes within the template's limits are offered", async () => {
    serve();
    show("/envs/team/demo/settings");
    const field = await screen.findByLabelText("Size");
    expect(
      within(field)
        .getAllByRole("option")
        .map((option) => (option as HTMLOptionElement).value),
    ).toEqual(["default", "small", "medium", "own"]);
  });

  test("a link from a failure fills in the next size and saves nothing", async () => {
    const server = serve(makeEnvironment({ phase: "Failed", reason: "OutOfMemory" }));
    show("/envs/team/demo/settings?size=larger");
    expect(await screen.findByLabelText("Size")).toHaveValue("medium");
    expect(server.saves()).toEqual([]);
  });

  test("without its template nothing is bounded, and that is said", async () => {
    serve();
    api.use(http.get("*/api/v1/templates/python", () => problem(404, "There is no such template.")));
    show("/envs/team/demo/settings");
    expect(await screen.findByText(/The template is gone, so its bounds are unknown/)).toBeVisible();
  });
});

test("whoever may not manage it can read it, and is told why not more", async () => {
  serve({ ...makeForeign("Running"), name: "demo" });
  show("/envs/team/demo/settings");
  expect(await name()).toBeDisabled();
  expect(screen.getByText("Only the owner or a project admin can do this.")).toBeVisible();
});

test("an error of reading the template can be tried again", async () => {
  serve();
  api.use(http.get("*/api/v1/templates/python", () => problem(403, "no"), { once: true }));
  const { user } = show("/envs/team/demo/settings");
  await user.click(await screen.findByRole("button", { name: "Retry" }));
  expect(await name()).toBeVisible();
});

test("leaving asks before what was typed is lost", async () => {
  serve();
  record("post", "/restart");
  const { user, router } = show("/envs/team/demo/settings");
  await user.type(await name(), "New");
  await user.click(screen.getByText("Overview"));
  const dialog = await screen.findByRole("dialog", { name: "Leave without saving?" });
  await user.click(within(dialog).getByRole("button", { name: "Stay" }));
  expect(router.state.location.pathname).toBe("/envs/team/demo/settings");
  expect(await name()).toHaveValue("New");
  await user.click(screen.getByText("Overview"));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Leave" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/envs/team/demo"));
});
