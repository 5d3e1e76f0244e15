import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { afterEach, expect, test } from "vitest";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeTemplate } from "../../testing/builders";
import { api, serveEnvironments, servePublisher, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

const PYTHON = makeTemplate({
  displayName: "Python",
  description: "For scripts.",
  translations: {
    zh: { displayName: "数据分析", description: "用于编写脚本。" },
    de: { displayName: "Schlange", description: null },
  },
});
const GO = makeTemplate({ name: "go", displayName: "Golang", description: "For services.", icon: "go" });

afterEach(() => act(() => setLanguage("en")));

test("cards speak the page's language, marked, and follow it; what is not translated stays", async () => {
  serveTemplates(PYTHON, GO);
  show("/templates");
  const name = await screen.findByText("Python");
  expect(name).not.toHaveAttribute("lang");
  expect(screen.queryByText("数据分析")).toBeNull();
  act(() => setLanguage("zh"));
  expect(screen.getByText("数据分析")).toHaveAttribute("lang", "zh");
  expect(screen.getByText("用于编写脚本。")).toHaveAttribute("lang", "zh");
  expect(screen.getByText("Golang")).not.toHaveAttribute("lang");
  expect(screen.getByText("For services.")).not.toHaveAttribute("lang");
  expect(screen.queryByText("Python")).toBeNull();
});

test("only what is translated is marked as that", async () => {
  serveTemplates({ ...PYTHON, translations: { zh: { displayName: "数据分析", description: null } } });
  act(() => setLanguage("zh"));
  show("/templates");
  expect(await screen.findByText("数据分析")).toHaveAttribute("lang", "zh");
  expect(screen.getByText("For scripts.")).not.toHaveAttribute("lang");
});

test.each(["数据", "scripts", "SCHLANGE"])("the search for %s finds texts in every language", async (text) => {
  serveTemplates(PYTHON, GO);
  const { user } = show("/templates");
  await screen.findByText("Golang");
  await user.type(screen.getByRole("searchbox"), text);
  expect(screen.getByText("Python")).toBeVisible();
  await waitFor(() => expect(screen.queryByText("Golang")).toBeNull());
});

test("the form's cards, their order and its summary are in the page's language", async () => {
  const texts = (displayName: string) => ({ zh: { displayName, description: null } });
  serveTemplates({ ...PYTHON, translations: texts("乙") }, { ...GO, translations: texts("甲") });
  act(() => setLanguage("zh"));
  const { user } = show("/new");
  const radios = await screen.findAllByRole("radio", { name: /[甲乙]/ }, { timeout: 10_000 });
  expect(radios.map((radio) => radio.getAttribute("value"))).toEqual(["go", "python"]);
  await user.click(screen.getByRole("radio", { name: /甲/ }));
  const summary = screen.getByRole("complementary", { name: "摘要" });
  expect(within(summary).getByText("甲")).toHaveAttribute("lang", "zh");
});

test("an environment's facts name its template as people know it, and as the cluster does", async () => {
  serveTemplates(PYTHON);
  serveEnvironments(makeEnvironment());
  show("/envs/team/demo");
  const facts = await screen.findByRole("region", { name: "Facts" });
  expect(await within(facts).findByText("Python")).not.toHaveAttribute("lang");
  expect(within(facts).getByText("python")).toBeVisible();
  act(() => setLanguage("zh"));
  expect(screen.getByText("数据分析")).toHaveAttribute("lang", "zh");
});

test("who publishes sees the translated name in the table and hears it from the menu", async () => {
  servePublisher();
  serveTemplates(PYTHON);
  act(() => setLanguage("zh"));
  show("/templates");
  expect(await screen.findByRole("rowheader", { name: /数据分析/ })).toBeVisible();
  expect(screen.getByRole("button", { name: "数据分析 的更多操作" })).toBeVisible();
});

const YAML = `apiVersion: devworkspace.kubesphere.io/v1alpha1
kind: WorkspaceTemplate
metadata: {name: python, resourceVersion: "77"}
spec:
  displayName: Python 3
  environment: {image: "python:1"}
  translations:
    de: {displayName: Schlange, fieldOfTheFuture: 1}
`;

test("the Chinese texts are written beside the original, and other languages are kept", async () => {
  servePublisher();
  serveTemplates(makeTemplate());
  const written: unknown[] = [];
  api.use(
    http.get("*/api/v1/templates/python/yaml", () => new HttpResponse(YAML)),
    http.put("*/api/v1/templates/python", async ({ request }) => {
      written.push(((await request.json()) as { spec: object }).spec);
      return HttpResponse.json(makeTemplate());
    }),
  );
  const { user } = show("/templates/python/edit");
  const name = await screen.findByRole("textbox", { name: "Name in Chinese" });
  expect(name).toHaveAttribute("lang", "zh");
  fireEvent.change(name, { target: { value: "数据分析" } });
  fireEvent.change(screen.getByRole("textbox", { name: "Description in Chinese" }), { target: { value: "脚本。" } });
  await waitFor(() =>
    expect(written.at(-1)).toMatchObject({
      translations: {
        de: { displayName: "Schlange", fieldOfTheFuture: 1 },
        zh: { displayName: "数据分析", description: "脚本。" },
      },
    }),
  );
  fireEvent.change(name, { target: { value: "" } });
  fireEvent.change(screen.getByRole("textbox", { name: "Description in Chinese" }), { target: { value: "" } });
  await user.click(screen.getByRole("button", { name: "YAML" }));
  const yaml = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Template as YAML" });
  expect(yaml.value).toContain("Schlange");
  expect(yaml.value, "nothing empty stays behind").not.toContain("zh");
});
