import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test } from "vitest";
import en from "../../i18n/en.json";
import { makeEnvironment, makeMe, makeTemplate } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, record, servePublisher, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";
import { FIELDS, fieldOf, fromLines, toLines, typed } from "./fields";

interface Written {
  readonly dryRun: boolean;
  readonly version: string | null;
  readonly body: { name?: string; spec: Record<string, unknown> };
}

const USE = { instances: 12, people: 9, running: 7, outdated: 3 };
let written: Written[] = [];
let version = "77";
let theirs = "";
/** What happens to the template while a change is on its way to it. */
let meanwhile: () => void = () => undefined;
/** What the cluster answers; undefined: it accepts. */
let judge: (request: Written) => Response | undefined = () => undefined;

const yamlOf = () => `apiVersion: devworkspace.kubesphere.io/v1alpha1
kind: WorkspaceTemplate
metadata: {name: python, resourceVersion: "${version}"}
spec:
  displayName: Python 3
  environment: {image: "python:1"}
  fieldOfTheFuture: 1
${theirs}`;

beforeEach(() => {
  [written, version, theirs, meanwhile, judge] = [[], "77", "", () => undefined, () => undefined];
  servePublisher();
  serveTemplates(makeTemplate({ use: USE }));
  const answer = async ({ request }: { request: Request }) => {
    const body = (await request.json()) as Written["body"];
    const one = {
      dryRun: new URL(request.url).searchParams.get("dryRun") === "true",
      version: request.headers.get("If-Match"),
      body,
    };
    written.push(one);
    meanwhile();
    if (one.version !== null && one.version !== `"${version}"`) {
      return problem(412, "It was changed meanwhile.");
    }
    const name = String(body.spec.displayName);
    return judge(one) ?? HttpResponse.json(makeTemplate({ displayName: name, description: "As a card", use: USE }));
  };
  api.use(
    http.get("*/api/v1/templates/python/yaml", () => new HttpResponse(yamlOf())),
    http.put("*/api/v1/templates/python", answer),
    http.post("*/api/v1/templates", answer),
  );
});

const accepted = () => screen.findByText("The cluster accepts this.");
const saved = () => written.filter(({ dryRun }) => !dryRun);
// Whole words at once: the form is large, and jsdom slow.
const fill = (field: HTMLElement, value: string) => fireEvent.change(field, { target: { value } });
const yamlField = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Template as YAML" });

async function edit(path = "/templates/python/edit") {
  const shown = show(path);
  await screen.findByText("In the catalogue");
  return shown;
}

test("a change in the form is shown, compared, and saved in the version that was read", async () => {
  const { user, router } = await edit();
  await accepted();
  expect(screen.getByText("As a card"), "as the catalogue would show it").toBeVisible();
  expect(screen.getByRole("button", { name: "Review and save" })).toBeDisabled();
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  const dialog = await screen.findByRole("dialog", { name: "Save template python?" });
  expect(within(dialog).getByText(/^\+ +size: 20Gi$/)).toBeVisible();
  expect(within(dialog).getByText("12 environments use this.")).toBeVisible();
  expect(within(dialog).getByText(/7 running now stay as they are/)).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/templates"));
  expect(saved()).toEqual([
    {
      dryRun: false,
      version: '"77"',
      body: {
        spec: {
          displayName: "Python 3",
          environment: { image: "python:1" },
          fieldOfTheFuture: 1,
          storage: { size: "20Gi" },
        },
      },
    },
  ]);
});

test("form and YAML are one document, both ways", async () => {
  const { user } = await edit();
  fill(screen.getByRole("textbox", { name: "Tags" }), "ml\ndata");
  await user.click(screen.getByRole("button", { name: "YAML" }));
  expect(yamlField().value).toContain("tags:\n    - ml\n    - data\n");
  expect(yamlField().value).toContain("fieldOfTheFuture: 1");
  fireEvent.change(yamlField(), { target: { value: yamlField().value.replace("Python 3", "Python 4") } });
  await user.click(screen.getByRole("button", { name: "Form" }));
  expect(screen.getByRole("textbox", { name: "Display name" })).toHaveValue("Python 4");
});

test("what the cluster refuses stands at its field, and in the YAML at its line", async () => {
  judge = ({ body }) =>
    body.spec.storage === undefined
      ? undefined
      : problem(422, "spec.storage.size: too small", [{ field: "spec.storage.size", message: "too small" }]);
  const { user } = await edit();
  const size = screen.getByRole("textbox", { name: "Disk size" });
  fill(size, "1");
  await waitFor(() => expect(size).toHaveAccessibleDescription(/too small/));
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  expect(size).toHaveFocus();
  await user.click(screen.getByRole("button", { name: "YAML" }));
  await user.click(screen.getByRole("button", { name: /^Line \d+: too small$/ }));
  const { value, selectionStart, selectionEnd } = yamlField();
  expect(yamlField()).toHaveFocus();
  expect(value.slice(selectionStart, selectionEnd)).toMatch(/^ +size: "1"$/);
  expect(saved()).toEqual([]);
});

test("a text that cannot be read says where, and keeps the form away", async () => {
  const { user } = await edit("/templates/python/edit?view=yaml");
  const before = yamlField().value;
  fireEvent.change(yamlField(), { target: { value: `${before}  bad: [1\n` } });
  expect(await screen.findByRole("button", { name: /^Line \d+: / })).toBeVisible();
  const form = screen.getByRole("button", { name: "Form" });
  expect(form).toHaveAttribute("aria-disabled", "true");
  await user.click(form);
  expect(yamlField()).toBeVisible();
  fireEvent.change(yamlField(), { target: { value: before } });
  await user.click(form);
  expect(screen.getByRole("textbox", { name: "Display name" })).toHaveValue("Python 3");
});

test("Tab indents; Escape, then Tab leaves the editor", async () => {
  const { user } = await edit("/templates/python/edit?view=yaml");
  const before = yamlField().value;
  yamlField().focus();
  yamlField().setSelectionRange(0, 0);
  await user.tab();
  expect(yamlField()).toHaveFocus();
  expect(yamlField().value).toBe(`  ${before}`);
  await user.keyboard("{Escape}");
  await user.tab();
  expect(yamlField()).not.toHaveFocus();
  expect(yamlField().value).toBe(`  ${before}`);
});

test("a version that moves on with the counts of the status is nobody's change", async () => {
  const { user, router } = await edit();
  await accepted();
  version = "78";
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await accepted();
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  meanwhile = () => {
    [version, meanwhile] = ["79", () => undefined];
  };
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/templates"));
  expect(saved().map((one) => one.version)).toEqual(['"78"', '"79"']);
});

test("somebody else's change is seen even between the look at the template and the write", async () => {
  const { user } = await edit();
  await accepted();
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await accepted();
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  meanwhile = () => {
    [version, theirs, meanwhile] = ["78", "  description: Theirs\n", () => undefined];
  };
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Save" }));
  expect(await screen.findByRole("button", { name: "Compare with it" })).toBeVisible();
  expect(
    saved().map((one) => one.version),
    "the version that was read, and no second try",
  ).toEqual(['"77"']);
});

test("somebody else's change is not lost, and neither is one's own", async () => {
  const { user } = await edit();
  await accepted();
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  [version, theirs] = ["78", "  description: Theirs\n"];
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Save" }));
  expect(await screen.findByRole("button", { name: "Compare with it" })).toBeVisible();
  expect(screen.getByRole("textbox", { name: "Disk size" })).toHaveValue("20Gi");
  expect(saved()).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Compare with it" }));
  const dialog = await screen.findByRole("dialog", { name: "Save template python?" });
  expect(within(dialog).getByText(/^- +description: Theirs$/), "saving would take it away").toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(saved().map((one) => one.version)).toEqual(['"78"']));
});

test("one's own change can be given up for theirs", async () => {
  const { user } = await edit();
  [version, theirs] = ["78", "  description: Theirs\n"];
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await user.click(await screen.findByRole("button", { name: "Discard mine" }));
  await waitFor(() => expect(screen.getByRole("textbox", { name: "Description" })).toHaveValue("Theirs"));
  expect(screen.getByRole("textbox", { name: "Disk size" })).toHaveValue("");
  expect(screen.queryByRole("button", { name: "Discard mine" })).toBeNull();
});

test("a new one says what is missing, and is published", async () => {
  const { user, router } = await edit("/templates/-/new");
  await user.click(screen.getByRole("button", { name: "Create" }));
  expect(screen.getByRole("textbox", { name: "Name in the cluster" })).toHaveFocus();
  expect(written, "nothing is asked before there is something to ask about").toEqual([]);
  fill(screen.getByRole("textbox", { name: "Name in the cluster" }), "ml");
  fill(screen.getByRole("textbox", { name: "Display name" }), "Machine learning");
  fill(screen.getByRole("textbox", { name: "Image" }), "ml:1");
  await user.type(screen.getByRole("textbox", { name: "Image" }), "{Enter}");
  await accepted();
  expect(saved(), "Enter in a field publishes nothing").toEqual([]);
  await user.click(screen.getByRole("button", { name: "Create" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/templates"));
  const spec = { displayName: "Machine learning", environment: { image: "ml:1" } };
  expect(saved()).toEqual([{ dryRun: false, version: null, body: { name: "ml", spec } }]);
});

test("a copy has another name and everything else", async () => {
  const { user } = await edit("/templates/-/new?from=python");
  expect(screen.getByRole("textbox", { name: "Name in the cluster" })).toHaveValue("python-copy");
  await accepted();
  await user.click(screen.getByRole("button", { name: "Create" }));
  await waitFor(() => expect(saved()).toHaveLength(1));
  expect(saved()[0]?.body).toMatchObject({ name: "python-copy", spec: { fieldOfTheFuture: 1 } });
});

test("a taken name is said at the name", async () => {
  judge = () => problem(409, "There is a template 'python-copy' already; choose another name.");
  await edit("/templates/-/new?from=python");
  const name = screen.getByRole("textbox", { name: "Name in the cluster" });
  await waitFor(() => expect(name).toHaveAccessibleDescription(/already/));
});

test("nobody leaves with unsaved changes by accident", async () => {
  const { user, router } = await edit();
  fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
  await user.click(screen.getAllByRole("link", { name: "Environment Templates" }).at(-1) as HTMLElement);
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Stay" }));
  expect(router.state.location.pathname).toBe("/templates/python/edit");
  expect(screen.getByRole("textbox", { name: "Disk size" })).toHaveValue("20Gi");
  await user.click(screen.getAllByRole("link", { name: "Environment Templates" }).at(-1) as HTMLElement);
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Leave" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/templates"));
});

test("hours of a week and what is made in advance are rows of the form", async () => {
  const { user } = await edit();
  const hours = screen.getByRole("group", { name: "Hours of a week" });
  await user.click(within(hours).getByRole("button", { name: "Add a row" }));
  await user.type(within(hours).getByRole("textbox", { name: "Days in row 1" }), "Mon, Tue,");
  fill(within(hours).getByRole("textbox", { name: "Starts at in row 1" }), "09:00");
  fill(within(hours).getByRole("textbox", { name: "Time zone in row 1" }), "Asia/Shanghai");
  expect(within(hours).getByRole("textbox", { name: "Days in row 1" })).toHaveValue("Mon, Tue,");
  const ready = screen.getByRole("group", { name: "Environments kept ready", hidden: true });
  await user.click(within(ready).getByRole("button", { name: "Add a row", hidden: true }));
  fill(within(ready).getByRole("textbox", { name: "Project in row 1", hidden: true }), "pay");
  fill(within(ready).getByRole("textbox", { name: "How many in row 1", hidden: true }), "3");
  await accepted();
  await user.click(screen.getByRole("button", { name: "Review and save" }));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(saved()).toHaveLength(1));
  expect(saved()[0]?.body).toMatchObject({
    spec: {
      lifecycle: { schedule: [{ days: ["Mon", "Tue"], start: "09:00", stop: "19:00", timeZone: "Asia/Shanghai" }] },
      warmPool: { perNamespace: [{ namespace: "pay", replicas: 3 }] },
    },
  });
});

test("those who may not publish are told whom to ask", async () => {
  api.use(http.get("*/api/v1/me", () => HttpResponse.json({ name: "li", templates: { edit: false, create: false } })));
  show("/templates/-/new");
  expect(await screen.findByRole("heading", { name: "You may not publish templates" })).toBeVisible();
});

test("one that is not there", async () => {
  api.use(http.get("*/api/v1/templates/gone/yaml", () => problem(404, "There is no such template.")));
  show("/templates/gone/edit");
  expect(await screen.findByText("There is no such template. It may have been deleted.")).toBeVisible();
});

test("every field has its words, and no words lack a field", () => {
  const texts: Record<string, string> = en;
  const worded = Object.keys(texts).filter((key) => key.startsWith("editor.field."));
  expect(FIELDS.map(({ path }) => `editor.field.${path}`).sort()).toEqual(worded.sort());
  const hinted = Object.keys(texts).filter((key) => key.startsWith("editor.hint."));
  expect(hinted.filter((key) => !worded.includes(key.replace("hint", "field")))).toEqual([]);
});

test.each([
  ["spec.ports[0].name", "ports"],
  ["spec.environment.env[3]", "environment.env"],
  ["spec.environment.envFrom", undefined],
  ["spec.resources.limits.cpu", "resources.limits.cpu"],
  ["metadata.name", "name"],
  ["spec.fieldOfTheFuture", undefined],
])("%s belongs to the field %s", (name, field) => {
  expect(fieldOf(name)).toBe(field);
});

test("lines and what they stand for", () => {
  expect(fromLines("a\n\n b ", "words")).toEqual(["a", " b "]);
  expect(fromLines("one\ntwo", "names")).toEqual([{ name: "one" }, { name: "two" }]);
  expect(fromLines("team=ml\nx=a=b\nflag", "pairs")).toEqual({ team: "ml", x: "a=b", flag: "" });
  expect(fromLines(" \n", "words")).toBeUndefined();
  expect(toLines({ team: "ml" }, "pairs")).toBe("team=ml");
  expect(toLines([{ name: "one" }], "names")).toBe("one");
  expect(toLines("no list", "words")).toBe("");
  expect([typed("80", true), typed("80", false), typed("x", true), typed("", true)]).toEqual([
    80,
    "80",
    "x",
    undefined,
  ]);
});

describe("a trial", () => {
  const trial = makeEnvironment({ name: "trial-1", displayName: "Python 3", phase: "Provisioning", trial: true });
  const section = () => screen.getByRole("region", { name: "Trial run" });

  /** The server takes trials; keeps what was to be tried. */
  function serveTrials(answer: () => Response = () => HttpResponse.json(trial, { status: 201 })) {
    const tried: unknown[] = [];
    const templates = { create: true, edit: true, delete: true };
    api.use(
      http.get("*/api/v1/me", () => HttpResponse.json(makeMe({ templates, features: ["trials"] }))),
      http.post("*/api/v1/trials", async ({ request }) => {
        tried.push(await request.json());
        return answer();
      }),
    );
    return tried;
  }

  test("runs the draft as it stands, shows how it goes, and ends with its disk", async () => {
    const tried = serveTrials();
    const ended = record("delete");
    const { user } = await edit();
    fill(screen.getByRole("textbox", { name: "Disk size" }), "20Gi");
    await user.click(await within(section()).findByRole("button", { name: "Try it" }));
    expect(await within(section()).findByText("Starting")).toBeVisible();
    const spec = { displayName: "Python 3", environment: { image: "python:1" }, fieldOfTheFuture: 1 };
    expect(tried).toEqual([{ namespace: "team", spec: { ...spec, storage: { size: "20Gi" } } }]);
    expect(saved()).toEqual([]);

    const failed = { ...trial, phase: "Failed" as const, reason: "ImageNotFound", message: "No image python:1." };
    act(() => FakeEventSource.latest.say("environment", { ...failed, resourceVersion: "11" }));
    expect(await within(section()).findByRole("alert")).toHaveTextContent("Image not found");
    expect(within(section()).queryByRole("link", { name: /Edit/ })).toBeNull();
    act(() => FakeEventSource.latest.say("environment", { ...trial, phase: "Running", resourceVersion: "12" }));
    expect(await within(section()).findByRole("link", { name: "Open (new tab)" })).toHaveAttribute("target", "_blank");
    fill(screen.getByRole("textbox", { name: "Disk size" }), "30Gi");
    expect(within(section()).getByText(/draft has changed since/)).toBeVisible();

    await user.click(within(section()).getByRole("button", { name: "End the trial and delete its disk" }));
    expect(ended).toEqual(["team/environments/trial-1?data=Delete"]);
    act(() => FakeEventSource.latest.say("gone", { uid: trial.uid }));
    expect(await within(section()).findByText("The trial is over and its disk is gone.")).toBeVisible();
    expect(within(section()).getByRole("button", { name: "Try it" })).toBeEnabled();
  });

  test("of a draft with a mistake leads to the mistake; what the cluster refuses is told in place", async () => {
    const tried = serveTrials(() => problem(422, "No such namespace."));
    const { user } = await edit();
    const name = screen.getByRole("textbox", { name: /Display name/ });
    fill(name, "");
    await user.click(await within(section()).findByRole("button", { name: "Try it" }));
    expect(name).toHaveFocus();
    expect(tried).toEqual([]);
    fill(name, "Python 3");
    await user.click(within(section()).getByRole("button", { name: "Try it" }));
    expect(await within(section()).findByRole("alert")).toHaveTextContent("No such namespace.");
  });

  test("is not there for a server that has none", async () => {
    await edit();
    expect(screen.queryByRole("region", { name: "Trial run" })).toBeNull();
  });
});
