import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test } from "vitest";
import type { EnvironmentRequest } from "../../api/schema";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeGit, makeTemplate } from "../../testing/builders";
import { api, problem, serveEnvironments, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

const CREATE = "*/api/v1/namespaces/:namespace/environments";
const DEMO = "https://git.example.com/team/demo.git";
const field = (name: string) => screen.getByRole<HTMLInputElement>("textbox", { name });
const address = () => field("Address").value;
const trust = () => screen.queryByRole("checkbox", { name: "I trust code from git.example.com" });
const createOnly = () => screen.getByRole("button", { name: "Create only" });

let made: EnvironmentRequest[];

beforeEach(() => {
  made = [];
  api.use(
    http.get("*/api/v1/namespaces/:namespace/quota", () =>
      HttpResponse.json({ namespace: "team", quotas: [], limits: [], own: [] }),
    ),
    http.post(CREATE, async ({ request }) => {
      const body = (await request.json()) as EnvironmentRequest;
      if (new URL(request.url).searchParams.get("dryRun") !== "true") {
        made.push(body);
      }
      return HttpResponse.json(makeEnvironment({ name: body.name }), { status: 201 });
    }),
  );
});

async function open(path = "/new") {
  const shown = show(path);
  const template = await screen.findByRole("radio", { name: /Python 3/ }, { timeout: 10_000 });
  if (path === "/new") {
    await shown.user.click(template);
  }
  return shown;
}

async function linked(query = "") {
  return open(`/new?template=python&repo=${encodeURIComponent(DEMO)}${query}`);
}

describe("a repository that somebody types", () => {
  test("is created with its branch, needs no trust, and stands in the summary", async () => {
    const { user } = await open();
    await user.type(field("Repository URL"), DEMO);
    await user.type(field("Branch or tag"), "feature/x");
    expect(trust()).toBeNull();
    const summary = screen.getByRole("complementary", { name: "Summary" });
    expect(within(summary).getByText("git.example.com/team/demo (feature/x)")).toBeVisible();
    await user.click(createOnly());
    await screen.findByText(/is created\./);
    expect(made).toMatchObject([{ git: { repository: DEMO, ref: "feature/x", directory: null } }]);
  });

  test("left out is none", async () => {
    const { user } = await open();
    await user.click(createOnly());
    await screen.findByText(/is created\./);
    expect(made).toMatchObject([{ git: null }]);
  });

  test("names the address, until somebody chose one of their own", async () => {
    const { user } = await open();
    expect(address()).toMatch(/^python-/);
    await user.type(field("Repository URL"), DEMO);
    await user.tab();
    expect(address()).toMatch(/^demo-[a-z]+-[a-z]+$/);
    await user.clear(field("Address"));
    await user.type(field("Address"), "mine");
    await user.clear(field("Repository URL"));
    await user.type(field("Repository URL"), "https://git.example.com/team/other");
    await user.tab();
    expect(field("Address")).toHaveValue("mine");
  });

  test.each([
    ["git@example.com:team/demo", /begins with https/],
    ["https://li:secret@git.example.com/demo", /Leave name and password out/],
  ])("as %s is told at its field, and nothing is created", async (text, sentence) => {
    const { user } = await open();
    await user.type(field("Repository URL"), text);
    expect(field("Repository URL")).toHaveAccessibleDescription(expect.stringMatching(sentence));
    await user.click(createOnly());
    expect(field("Repository URL")).toHaveFocus();
    expect(made).toEqual([]);
  });

  test("on a host that the template does not take is told at its field, in both languages", async () => {
    serveTemplates(makeTemplate({ gitHosts: ["*.corp.example"] }));
    const { user } = await open();
    await user.type(field("Repository URL"), DEMO);
    expect(field("Repository URL")).toHaveAccessibleDescription(
      expect.stringContaining("does not take repositories from git.example.com, only from: *.corp.example"),
    );
    act(() => setLanguage("zh"));
    expect(screen.getByRole("textbox", { name: "仓库地址" })).toHaveAccessibleDescription(
      expect.stringContaining("不允许来自 git.example.com 的仓库，仅允许：*.corp.example"),
    );
    act(() => setLanguage("en"));
    await user.click(createOnly());
    expect(made).toEqual([]);
  });

  test("that only the cluster refuses is told at its field, too", async () => {
    const sentence = "Template 'python' does not allow repositories from this host.";
    api.use(
      http.post(CREATE, () =>
        HttpResponse.json(
          {
            title: "Unprocessable",
            status: 422,
            detail: sentence,
            reason: "OverrideNotAllowed",
            errors: [{ field: "spec.git.repository", message: sentence }],
          },
          { status: 422 },
        ),
      ),
    );
    const { user } = await open();
    await user.type(field("Repository URL"), DEMO);
    await waitFor(() => expect(field("Repository URL")).toBeInvalid());
    expect(field("Repository URL")).toHaveAccessibleDescription(expect.stringContaining(sentence));
  });

  test("with a branch that is none is told there", async () => {
    api.use(http.post(CREATE, () => problem(422, "no", [{ field: "spec.git.ref", message: "The cluster's words." }])));
    const { user } = await open();
    await user.type(field("Repository URL"), DEMO);
    await user.type(field("Branch or tag"), "a b");
    expect(field("Branch or tag")).toHaveAccessibleDescription(expect.stringContaining("No name of a branch"));
    await user.clear(field("Branch or tag"));
    await user.type(field("Branch or tag"), "main");
    await waitFor(() =>
      expect(field("Branch or tag")).toHaveAccessibleDescription(expect.stringContaining("The cluster's words.")),
    );
  });

  test("that one has an environment for already leads there", async () => {
    serveEnvironments(
      makeEnvironment({ name: "there", git: makeGit({ repository: "https://git.example.com/team/demo" }) }),
      makeEnvironment({ name: "foreign", owner: "li.wei", git: makeGit({ repository: DEMO }) }),
      makeEnvironment({ name: "another" }),
    );
    const { user } = await open();
    await user.type(field("Repository URL"), DEMO);
    const link = await screen.findByRole("link", { name: "Open there (new tab)" });
    expect(link).toHaveAttribute("href", expect.stringContaining("/-/open?env=there--team"));
    expect(screen.queryByRole("link", { name: /Open (foreign|another)/ })).toBeNull();
  });
});

describe("a link with a repository", () => {
  test("shows its host, and creates nothing before somebody trusts it", async () => {
    const { user } = await linked("&branch=main");
    expect(field("Repository URL")).toHaveValue(DEMO);
    expect(field("Branch or tag")).toHaveValue("main");
    expect(screen.getByText("git.example.com", { exact: true })).toBeVisible();
    await waitFor(() => expect(address()).toMatch(/^demo-/));
    await user.click(createOnly());
    expect(trust()).toHaveFocus();
    expect(trust()).toHaveAccessibleDescription(expect.stringContaining("Tick that you trust it"));
    expect(made).toEqual([]);
    await user.click(trust() as HTMLElement);
    await user.click(createOnly());
    await screen.findByText(/is created\./);
    expect(made).toMatchObject([{ git: { repository: DEMO, ref: "main" } }]);
  });

  test("needs no trust where an admin has named the host", async () => {
    serveTemplates(makeTemplate({ gitHosts: ["git.example.com"] }));
    const { user } = await linked();
    await waitFor(() => expect(screen.queryByText(/This template takes repositories/)).not.toBeNull());
    expect(trust()).toBeNull();
    await user.click(createOnly());
    await screen.findByText(/is created\./);
  });

  test("needs trust for its own host, and none for another that somebody typed", async () => {
    const { user } = await linked();
    await user.click(trust() as HTMLElement);
    await user.clear(field("Repository URL"));
    await user.type(field("Repository URL"), "https://other.example/demo");
    expect(screen.queryByRole("checkbox", { name: /I trust/ })).toBeNull();
    await user.clear(field("Repository URL"));
    await user.type(field("Repository URL"), DEMO);
    expect(trust()).toBeVisible();
  });

  test("that is no address, or has a password in it, is ignored with its branch", async () => {
    await open("/new?template=python&repo=https%3A%2F%2Fa%3Ab%40git.example.com%2Fdemo&branch=main");
    expect(await screen.findByText("Ignored from the link: repo, branch")).toBeVisible();
    expect(field("Repository URL")).toHaveValue("");
    expect(field("Branch or tag")).toHaveValue("");
  });
});
