import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeTemplate } from "../../testing/builders";
import { api, problem, record, serveEnvironments, servePublisher, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";
import { choose } from "../../testing/templateMenu";

const USED = makeTemplate({ use: { instances: 12, people: 9, running: 7, outdated: 3 } });
const YAML = `apiVersion: devworkspace.kubesphere.io/v1alpha1
kind: WorkspaceTemplate
metadata: {name: python, resourceVersion: "77"}
spec:
  displayName: Python 3
  environment: {image: "python:1"}
  stateMessage: Use Python 4
  fieldOfTheFuture: 1
`;

/** The cluster's object, and what is written over it; `If-Match` is kept with it. */
function serveOne(): { spec: Record<string, unknown>; version: string | null }[] {
  const written: { spec: Record<string, unknown>; version: string | null }[] = [];
  api.use(
    http.get("*/api/v1/templates/python/yaml", () => new HttpResponse(YAML)),
    http.put("*/api/v1/templates/python", async ({ request }) => {
      const { spec } = (await request.json()) as { spec: Record<string, string> };
      written.push({ spec, version: request.headers.get("If-Match") });
      return HttpResponse.json(makeTemplate({ state: spec.state as "Active", stateMessage: spec.stateMessage ?? "" }));
    }),
  );
  return written;
}

test("a developer gets cards that lead to an environment, and no table", async () => {
  serveTemplates(makeTemplate(), makeTemplate({ name: "old", displayName: "Old", state: "Hidden", usable: false }));
  show("/templates");
  const card = await screen.findByRole("link", { name: /Python 3/ });
  expect(card).toHaveAttribute("href", "/new?template=python");
  expect(screen.queryByText("Old")).toBeNull();
  expect(screen.queryByRole("table")).toBeNull();
  expect(screen.queryByRole("link", { name: "Create template" })).toBeNull();
});

test("a publisher sees what is ready in advance, and why it is less than wanted", async () => {
  servePublisher();
  serveTemplates(
    makeTemplate({
      use: { instances: 0, people: 0, running: 0, outdated: 0 },
      pools: [
        { namespace: "team-a", wanted: 3, ready: 2, starting: 1, message: "" },
        { namespace: "team-b", wanted: 1, ready: 0, starting: 0, message: "The quota is used up." },
      ],
    }),
  );
  show("/templates");
  const row = (await screen.findByText("2 of 4 ready in advance")).closest("tr") as HTMLElement;
  expect(within(row).getByText("team-b: The quota is used up.")).toBeVisible();
  expect(within(row).queryByText(/team-a/)).toBeNull();
});

test("a publisher sees how each is used, hidden ones too", async () => {
  servePublisher();
  serveEnvironments(makeEnvironment(), makeEnvironment({ name: "other", template: "go" }));
  serveTemplates(
    { ...USED, changedBy: "li.wei" },
    makeTemplate({ name: "old", uid: "uid-old", displayName: "Old", state: "Hidden" }),
  );
  const { user } = show("/templates");
  const row = (await screen.findByText("7 running · 9 people")).closest("tr") as HTMLElement;
  expect(within(row).getByText("Active")).toBeVisible();
  expect(within(row).getByRole("link", { name: "3 need restart" })).toHaveAttribute(
    "href",
    "/envs?template=python&state=outdated",
  );
  expect(within(row).getByText("by li.wei")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Hidden 1" }));
  expect(screen.queryByText("7 running · 9 people")).toBeNull();
  expect(screen.getByText("Old")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "All 2" }));
  await user.click(screen.getByRole("link", { name: "12 environments" }));
  expect(await screen.findByRole("link", { name: "demo" })).toBeVisible();
  expect(screen.queryByRole("link", { name: "other" }), "made from another template").toBeNull();
  await user.selectOptions(screen.getByRole("combobox", { name: "Template" }), "All templates");
  expect(await screen.findByRole("link", { name: "other" })).toBeVisible();
});

test("a publisher sees on how many nodes the image is, and why it is missing on others", async () => {
  servePublisher();
  const refused = "Node n-2: Image 'go:1' does not exist; check its name in the template.";
  serveTemplates(
    makeTemplate({ prePull: { ready: 3, wanted: 3, message: "" } }),
    makeTemplate({ name: "go", uid: "uid-go", prePull: { ready: 1, wanted: 3, message: refused } }),
    makeTemplate({ name: "new", uid: "uid-new", prePull: { ready: 0, wanted: 0, message: "" } }),
    makeTemplate({ name: "plain", uid: "uid-plain" }),
  );
  show("/templates");
  expect(await screen.findByText("Image on all 3 nodes")).toBeVisible();
  const row = screen.getByText("Image on 1 of 3 nodes").closest("tr") as HTMLElement;
  expect(within(row).getByText(refused)).toBeVisible();
  expect(screen.getByText("Image not on the nodes yet")).toBeVisible();
  expect(screen.getAllByText(/^Image/), "and nothing of one that does not ask for it").toHaveLength(3);
});

test("that is told in Chinese, too", async () => {
  servePublisher();
  serveTemplates(makeTemplate({ prePull: { ready: 1, wanted: 3, message: "" } }));
  show("/templates");
  await screen.findByText("Image on 1 of 3 nodes");
  act(() => setLanguage("zh"));
  expect(screen.getByText("3 个节点中已有 1 个拉取了镜像")).toBeVisible();
  act(() => setLanguage("en"));
});

test("hiding changes the state and nothing else, of the version that was read", async () => {
  servePublisher();
  serveTemplates(USED);
  const written = serveOne();
  await choose("Hide");
  expect(await screen.findByText(/is hidden from new environments/)).toBeVisible();
  expect(written).toEqual([
    {
      version: '"77"',
      spec: {
        displayName: "Python 3",
        environment: { image: "python:1" },
        stateMessage: "Use Python 4",
        fieldOfTheFuture: 1,
        state: "Hidden",
      },
    },
  ]);
});

test("one that is deprecated says what to do instead", async () => {
  servePublisher();
  serveTemplates(USED);
  const written = serveOne();
  const { user } = await choose("Deprecate…");
  const dialog = await screen.findByRole("dialog", { name: "Deprecate Python 3?" });
  const field = within(dialog).getByRole("textbox", { name: "Message shown with the state" });
  expect(field).toHaveAttribute("maxlength", "256");
  await user.type(field, "Use Go");
  await user.click(within(dialog).getByRole("button", { name: "Deprecate" }));
  expect(await screen.findByText("Use Go")).toBeVisible();
  expect(written[0]?.spec).toMatchObject({ state: "Deprecated", stateMessage: "Use Go" });
});

test("one that is offered again no longer says so", async () => {
  servePublisher();
  serveTemplates({ ...USED, state: "Deprecated", stateMessage: "Use Python 4" });
  const written = serveOne();
  await choose("Activate");
  await screen.findByText("Python 3 is offered again.");
  expect(written[0]?.spec).not.toHaveProperty("stateMessage");
  expect(written[0]?.spec.state).toBe("Active");
});

test("idle ones that need it are restarted; those in use, or of unknown use, only if somebody ticks them", async () => {
  servePublisher();
  serveTemplates(USED);
  const before = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const old = { templateOutdated: true, lastActivity: before(60), readyAt: before(90) };
  serveEnvironments(
    makeEnvironment({ ...old, name: "idle" }),
    makeEnvironment({ ...old, name: "busy", lastActivity: before(1) }),
    makeEnvironment({ ...old, name: "unknown", lastActivity: null }),
    makeEnvironment({ ...old, name: "current", templateOutdated: false }),
    makeEnvironment({ ...old, name: "elsewhere", template: "go" }),
    makeEnvironment({ ...old, name: "stopped", phase: "Stopped" }),
  );
  const asked = record("post", "/restart");
  const { user } = await choose("Restart idle ones…");
  const dialog = await screen.findByRole("dialog", { name: "Restart environments of Python 3?" });
  await within(dialog).findByRole("group", { name: "Nobody works in these:" });
  const boxes = within(dialog).getAllByRole<HTMLInputElement>("checkbox");
  const names = (checked: boolean) =>
    boxes.filter((box) => box.checked === checked).map((box) => box.labels?.[0]?.textContent);
  expect([names(true), names(false)]).toEqual([["idle of admin"], ["busy of admin", "unknown of admin"]]);
  await user.click(within(dialog).getByRole("checkbox", { name: "unknown of admin" }));
  await user.click(within(dialog).getByRole("button", { name: "Restart 2" }));
  expect(await screen.findByText("2 environments are being restarted.")).toBeVisible();
  expect(asked.sort()).toEqual(["team/environments/idle/restart", "team/environments/unknown/restart"]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("one in use is not deleted; its environments are a click away", async () => {
  servePublisher();
  serveTemplates(USED);
  await choose("Delete");
  const dialog = await screen.findByRole("dialog", { name: "Delete Python 3?" });
  expect(within(dialog).getByText("Used by 12 environments")).toBeVisible();
  expect(within(dialog).getByRole("link")).toHaveAttribute("href", "/envs?template=python");
  expect(within(dialog).queryByRole("button", { name: "Delete" })).toBeNull();
});

test("an unused one is deleted, also if its counts were written since; a late refusal stays in the dialog", async () => {
  servePublisher();
  serveTemplates(makeTemplate({ use: { instances: 0, people: 0, running: 0, outdated: 0 } }));
  const versions: (string | null)[] = [];
  let used = true;
  api.use(
    http.delete("*/api/v1/templates/python", ({ request }) => {
      versions.push(request.headers.get("If-Match"));
      return used ? problem(409, "1 environment uses template 'python'.") : new HttpResponse(null, { status: 204 });
    }),
  );
  const { user } = await choose("Delete");
  const dialog = await screen.findByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  expect(await within(dialog).findByRole("alert")).toHaveTextContent("1 environment uses template 'python'.");
  used = false;
  serveTemplates();
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  expect(await screen.findByText("Template Python 3 is deleted.")).toBeVisible();
  expect(versions).toEqual([null, null]);
});

test("an empty catalogue is filled with one click", async () => {
  servePublisher();
  serveTemplates();
  const spec = { displayName: "Debian", environment: { image: "base:1" } };
  const made: unknown[] = [];
  api.use(
    http.get("*/api/v1/starter-templates", () =>
      HttpResponse.json({ items: ["base", "go"].map((name) => ({ name, spec })) }),
    ),
    http.post("*/api/v1/templates", async ({ request }) => {
      const body = (await request.json()) as { name: string };
      made.push(body);
      serveTemplates(makeTemplate({ name: body.name, displayName: "Debian" }));
      return HttpResponse.json(makeTemplate({ name: body.name, displayName: "Debian" }), { status: 201 });
    }),
  );
  const { user } = show("/templates");
  await user.click(await screen.findByRole("button", { name: "Add the 2 starter templates" }));
  await waitFor(() => expect(made).toEqual(["base", "go"].map((name) => ({ name, spec }))));
  expect(await screen.findByRole("table")).toBeVisible();
});

test("an empty catalogue tells others whom to ask", async () => {
  serveTemplates();
  show("/templates");
  expect(await screen.findByText("An administrator publishes templates; ask yours.")).toBeVisible();
  expect(screen.queryByRole("link", { name: "Create template" })).toBeNull();
});
