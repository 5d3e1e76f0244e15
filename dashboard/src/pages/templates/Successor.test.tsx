import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { afterEach, describe, expect, test } from "vitest";
import type { TemplateView } from "../../api/schema";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeSuccessor, makeTemplate } from "../../testing/builders";
import { api, serveEnvironments, servePublisher, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";
import { choose } from "../../testing/templateMenu";
import { TEMPLATE_KEY } from "../create/useForm";

const NEW = makeTemplate({
  name: "python-4",
  displayName: "Python 4",
  translations: { zh: { displayName: "蟒蛇四", description: null } },
});
const OLD = makeTemplate({
  state: "Deprecated",
  stateMessage: "Until January.",
  replacedBy: "python-4",
  successor: makeSuccessor({ translations: NEW.translations }),
});
const without = (problem: "Missing" | "Hidden" | "Circular"): TemplateView => ({
  ...OLD,
  successor: makeSuccessor({ usable: false, problem }),
});

afterEach(() => {
  act(() => setLanguage("en"));
  localStorage.clear();
});

describe("the catalogue", () => {
  test("leads from a deprecated card to its successor, in both languages", async () => {
    serveTemplates(OLD, NEW);
    const { user, router } = show("/templates");
    const link = await screen.findByRole("link", { name: "Replaced by Python 4" });
    act(() => setLanguage("zh"));
    expect(link).toHaveTextContent("已由 蟒蛇四 替代");
    expect(within(link).getByText("蟒蛇四")).toHaveAttribute("lang", "zh");
    await user.click(link);
    await waitFor(() => expect(router.state.location.search).toBe("?template=python-4"));
    expect(router.state.location.state, "no link of another site").toEqual({ own: true });
  });

  test("offers nobody a successor that cannot be used", async () => {
    serveTemplates(without("Missing"));
    show("/templates");
    expect(await screen.findByText("Until January.")).toBeVisible();
    expect(screen.queryByText(/Replaced by/)).toBeNull();
    expect(screen.queryByText(/There is no template/)).toBeNull();
  });

  test.each([
    [
      "Missing",
      "There is no template python-4: nobody is offered a successor.",
      "环境模板 python-4 不存在：用户不会看到替代模板。",
    ],
    [
      "Hidden",
      "Template python-4 is hidden: nobody is offered a successor.",
      "环境模板 python-4 已隐藏：用户不会看到替代模板。",
    ],
    [
      "Circular",
      "The successors lead in a circle, back to python-4: nobody is offered one.",
      "替代模板循环引用，又回到 python-4：用户不会看到替代模板。",
    ],
  ] as const)("tells who publishes that it is %s", async (problem, english, chinese) => {
    servePublisher();
    serveTemplates(without(problem));
    show("/templates");
    expect(await screen.findByText(english)).toBeVisible();
    act(() => setLanguage("zh"));
    expect(screen.getByText(chinese)).toBeVisible();
  });
});

describe("the form", () => {
  const offer = () => screen.findByText("Python 3 is replaced by Python 4", {}, { timeout: 10_000 });

  test("offers the successor of what a link names, and one click takes it", async () => {
    serveTemplates(OLD, NEW);
    const { user } = show("/new?template=python");
    await offer();
    const old = screen.getByRole("radio", { name: /Python 3/ });
    expect(old, "it can still be used").toBeChecked();
    expect(old).toHaveAccessibleName(/Replaced by Python 4/);
    await user.click(screen.getByRole("button", { name: "Use Python 4" }));
    const chosen = screen.getByRole("radio", { name: /^Python 4/ });
    expect(chosen).toBeChecked();
    expect(chosen, "the button is gone").toHaveFocus();
    expect(screen.queryByText("Python 3 is replaced by Python 4")).toBeNull();
  });

  test("offers the successor of what was taken last", async () => {
    localStorage.setItem(TEMPLATE_KEY, "python");
    serveTemplates(OLD, NEW);
    const { user } = show("/new");
    await offer();
    expect(screen.getByText("You used Python 3 last.")).toBeVisible();
    act(() => setLanguage("zh"));
    await user.click(screen.getByRole("button", { name: "改用 蟒蛇四" }));
    expect(screen.getByRole("radio", { name: /^蟒蛇四/ })).toBeChecked();
  });

  test("offers the successor of a hidden template that a link names", async () => {
    serveTemplates({ ...OLD, state: "Hidden", usable: false }, NEW);
    const { user } = show("/new?template=python");
    await offer();
    await user.click(screen.getByRole("button", { name: "Use Python 4" }));
    expect(screen.getByRole("radio", { name: /^Python 4/ })).toBeChecked();
  });

  test("offers nothing that is not for this project", async () => {
    serveTemplates({ ...OLD, successor: makeSuccessor({ usable: false }) }, { ...NEW, usable: false });
    show("/new?template=python");
    expect(await screen.findByRole("radio", { name: /Python 3/ }, { timeout: 10_000 })).toBeChecked();
    expect(screen.queryByText(/is replaced by/)).toBeNull();
    expect(screen.queryByText(/Replaced by/)).toBeNull();
  });
});

describe("an environment of it", () => {
  async function open(...templates: readonly TemplateView[]) {
    serveTemplates(...templates);
    serveEnvironments(makeEnvironment());
    const shown = show("/envs/team/demo");
    await screen.findByRole("heading", { name: "demo" });
    return shown;
  }

  test("says that the template stays and where to begin anew", async () => {
    const { user, router } = await open(OLD, NEW);
    expect(await screen.findByText("Python 3 is replaced by Python 4")).toBeVisible();
    expect(screen.getByText("Until January.")).toBeVisible();
    expect(screen.getByText(/Its template cannot be switched: create a new environment from Python 4/)).toBeVisible();
    act(() => setLanguage("zh"));
    expect(screen.getByText(/环境的模板无法更换：请用 蟒蛇四 创建新环境/)).toBeVisible();
    await user.click(screen.getByRole("link", { name: "用 蟒蛇四 创建" }));
    await waitFor(() => expect(router.state.location.search).toBe("?template=python-4&ns=team"));
  });

  test("says the same of a hidden template that was replaced", async () => {
    await open({ ...OLD, state: "Hidden", usable: false }, NEW);
    expect(await screen.findByText("Python 3 is replaced by Python 4")).toBeVisible();
  });

  test("says without a usable successor that it is deprecated", async () => {
    await open(without("Circular"));
    expect(await screen.findByText("Template Python 3 is deprecated")).toBeVisible();
    expect(screen.queryByRole("link", { name: /Create from/ })).toBeNull();
  });

  test("says nothing of one that is offered", async () => {
    await open(NEW, makeTemplate());
    expect(await screen.findByText("Python 3")).toBeVisible();
    expect(screen.queryByText(/is replaced by|is deprecated/)).toBeNull();
  });
});

describe("publishing", () => {
  const YAML = `apiVersion: devworkspace.kubesphere.io/v1alpha1
kind: WorkspaceTemplate
metadata: {name: python, resourceVersion: "77"}
spec:
  displayName: Python 3
  environment: {image: "python:1"}
  state: Deprecated
  stateMessage: Until January.
  replacedBy: python-4
`;

  function serveOne(answer: TemplateView): Record<string, unknown>[] {
    const written: Record<string, unknown>[] = [];
    servePublisher();
    api.use(
      http.get("*/api/v1/templates/python/yaml", () => new HttpResponse(YAML)),
      http.put("*/api/v1/templates/python", async ({ request }) => {
        written.push(((await request.json()) as { spec: Record<string, unknown> }).spec);
        return HttpResponse.json(answer);
      }),
    );
    return written;
  }

  test("who deprecates names the successor beside the message", async () => {
    const hidden = makeTemplate({ name: "secret", displayName: "Secret", state: "Hidden" });
    serveTemplates(makeTemplate(), NEW, hidden);
    const written = serveOne(OLD);
    const { user } = await choose("Deprecate…");
    const dialog = await screen.findByRole("dialog", { name: "Deprecate Python 3?" });
    const field = within(dialog).getByRole("combobox", { name: "Replaced by" });
    expect(
      within(field)
        .getAllByRole("option")
        .map((option) => option.textContent),
    ).toEqual(["No other template", "Python 4 (python-4)"]);
    await user.selectOptions(field, "python-4");
    await user.click(within(dialog).getByRole("button", { name: "Deprecate" }));
    await waitFor(() => expect(written).toHaveLength(1));
    expect(written[0]).toMatchObject({ state: "Deprecated", replacedBy: "python-4" });
  });

  test("one that is offered again has no successor", async () => {
    serveTemplates(OLD, NEW);
    const written = serveOne(makeTemplate());
    await choose("Activate");
    await waitFor(() => expect(written).toHaveLength(1));
    expect(written[0]).toEqual({ displayName: "Python 3", environment: { image: "python:1" }, state: "Active" });
  });

  test("one that is hidden keeps its successor", async () => {
    serveTemplates(OLD, NEW);
    const written = serveOne(makeTemplate());
    await choose("Hide");
    await waitFor(() => expect(written).toHaveLength(1));
    expect(written[0]).toMatchObject({ state: "Hidden", replacedBy: "python-4" });
  });

  test("the editor offers other templates, and warns of a successor that leads nowhere", async () => {
    serveTemplates(OLD, NEW);
    serveOne(without("Missing"));
    const { user } = show("/templates/python/edit");
    const field = await screen.findByRole("combobox", { name: "Replaced by" });
    expect(field).toHaveValue("python-4");
    expect(await screen.findByText("There is no template python-4: nobody is offered a successor.")).toBeVisible();
    await user.selectOptions(field, "");
    await user.click(screen.getByRole("button", { name: "YAML" }));
    const yaml = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Template as YAML" });
    expect(yaml.value).not.toContain("replacedBy");
  });

  test("a successor that is not there any more stays chosen until somebody takes another", async () => {
    serveTemplates(OLD);
    serveOne(without("Missing"));
    show("/templates/python/edit");
    const field = await screen.findByRole("combobox", { name: "Replaced by" });
    await waitFor(() => expect(within(field).getAllByRole("option")).toHaveLength(2));
    expect(field).toHaveValue("python-4");
  });
});
