import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EnvironmentView } from "../../api/schema";
import { setLanguage } from "../../i18n";
import { formatMoment } from "../../model/times";
import { serveMe } from "../../testing/admin";
import { makeEnvironment, makeTemplate } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, serveEnvironments, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";
import { chooseZone } from "../../ui/preferences";

beforeEach(() => serveMe());
afterEach(() => {
  act(() => setLanguage("en"));
  chooseZone(undefined);
  localStorage.clear();
});

async function open() {
  const shown = show("/me");
  await screen.findByRole("heading", { name: "Settings" }, { timeout: 10_000 });
  return shown;
}

test("says who one is and what one may", async () => {
  await open();
  const identity = screen.getByRole("region", { name: "Who you are" });
  expect(await within(identity).findByText("devworkspace:admins")).toBeVisible();
  expect(await within(identity).findByText("team")).toBeVisible();
  const right = (name: string) => within(identity).getByText(name).parentElement;
  expect(right("Open everybody's environments")).toHaveTextContent("Yes");
  expect(right("Delete templates")).toHaveTextContent("No");
});

test("the language holds at once, and is remembered", async () => {
  const { user } = await open();
  await user.selectOptions(screen.getByRole("combobox", { name: "Language" }), "zh");
  expect(await screen.findByRole("heading", { name: "设置" })).toBeVisible();
  expect(document.cookie).toContain("dw-lang=zh");
  await user.selectOptions(screen.getByRole("combobox", { name: "语言" }), "browser");
  expect(await screen.findByRole("heading", { name: "Settings" })).toBeVisible();
  expect(document.cookie).not.toContain("dw-lang");
});

test("the colours hold at once", async () => {
  const { user } = await open();
  await user.selectOptions(screen.getByRole("combobox", { name: "Colours" }), "dark");
  expect(document.documentElement).toHaveAttribute("data-mantine-color-scheme", "dark");
  await user.selectOptions(screen.getByRole("combobox", { name: "Colours" }), "light");
});

test("times are told in the chosen zone", async () => {
  const { user } = await open();
  const noon = "2026-11-25T12:00:00Z";
  await user.selectOptions(screen.getByRole("combobox", { name: /Time zone/ }), "Asia/Shanghai");
  expect(formatMoment(noon)).toBe("2026-11-25 20:00");
  await user.selectOptions(screen.getByRole("combobox", { name: /Time zone/ }), "UTC");
  expect(formatMoment(noon)).toBe("2026-11-25 12:00");
});

test("keys can be switched off", async () => {
  serveEnvironments(makeEnvironment());
  const { user, router } = await open();
  await user.click(screen.getByRole("checkbox", { name: /Keyboard shortcuts/ }));
  act(() => (document.activeElement as HTMLElement).blur());
  await user.keyboard("n");
  expect(router.state.location.pathname).toBe("/me");
  await user.click(screen.getByRole("checkbox", { name: /Keyboard shortcuts/ }));
  act(() => (document.activeElement as HTMLElement).blur());
  await user.keyboard("n");
  await waitFor(() => expect(router.state.location.pathname).toBe("/new"));
});

test("new environments begin with the chosen project and size, where they may", async () => {
  api.use(http.get("*/api/v1/namespaces", () => HttpResponse.json({ items: [{ name: "team" }, { name: "web" }] })));
  serveTemplates(
    makeTemplate({ maxCpu: "4", maxMemory: "8Gi" }),
    makeTemplate({ name: "small", displayName: "Small", maxCpu: "1", maxMemory: "2Gi" }),
  );
  api.use(
    http.get("*/api/v1/namespaces/:namespace/quota", () => problem(403, "no")),
    http.post("*/api/v1/namespaces/:namespace/environments", () => problem(503, "not asked")),
  );
  const { user, router } = await open();
  await screen.findByRole("option", { name: "web" });
  await user.selectOptions(screen.getByRole("combobox", { name: "Project of new environments" }), "web");
  await user.selectOptions(screen.getByRole("combobox", { name: /Size of new environments/ }), "medium");
  await act(() => router.navigate("/new"));
  expect(await screen.findByRole("combobox", { name: "Project" })).toHaveValue("web");
  await user.click(await screen.findByRole("radio", { name: /Python 3/ }));
  expect(screen.getByRole("radio", { name: /^M/ })).toBeChecked();
  await user.click(screen.getByRole("radio", { name: /Small/ }));
  expect(screen.getByRole("radio", { name: /Template default/ })).toBeChecked();
});

test("as whom Git commits is kept once both are given, and reaches new environments", async () => {
  const asked: unknown[] = [];
  serveTemplates(makeTemplate());
  api.use(
    http.get("*/api/v1/namespaces/:namespace/quota", () => problem(403, "no")),
    http.post("*/api/v1/namespaces/:namespace/environments", async ({ request }) => {
      asked.push(await request.json());
      return problem(503, "not made");
    }),
  );
  const { user, router } = await open();
  await user.type(screen.getByRole("textbox", { name: "Git name" }), "Li Wei");
  expect(screen.getByText("Git needs both.")).toBeVisible();
  await user.type(screen.getByRole("textbox", { name: "Git e-mail" }), "li.wei");
  expect(screen.getByText("This is no e-mail address.")).toBeVisible();
  await user.type(screen.getByRole("textbox", { name: "Git e-mail" }), "@example.com");
  expect(screen.queryByText("This is no e-mail address.")).toBeNull();
  await act(() => router.navigate("/new"));
  await user.click(await screen.findByRole("radio", { name: /Python 3/ }));
  expect(screen.getByText("Li Wei <li.wei@example.com>")).toBeVisible();
  await waitFor(() => expect(asked.at(-1)).toMatchObject({ gitUser: { name: "Li Wei", email: "li.wei@example.com" } }));
});

test("programs are told how to get in", async () => {
  serveMe({ audience: "api-of-ours" });
  await open();
  const programs = await screen.findByRole("region", { name: "Access for programs" });
  expect(within(programs).getByText(/kubectl create token .* --audience api-of-ours\)$/)).toBeVisible();
  expect(within(programs).getByText(/^curl .*\/api\/v1\/environments$/)).toBeVisible();
});

describe("notices of the browser", () => {
  const shown: { title: string; body: string | undefined; tag: string | undefined }[] = [];
  let answer: NotificationPermission;

  class FakeNotification {
    static permission: NotificationPermission = "default";
    static requestPermission = async () => {
      FakeNotification.permission = answer;
      return answer;
    };
    constructor(title: string, { body, tag }: NotificationOptions) {
      shown.push({ title, body, tag });
    }
  }

  beforeEach(() => {
    shown.length = 0;
    vi.stubGlobal("Notification", FakeNotification);
    vi.stubGlobal("isSecureContext", true);
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });
  const choice = () => screen.getByRole("checkbox", { name: /Notices of this browser/ });

  test("tell what happens to one's own environments, once, and not what was there before", async () => {
    answer = "granted";
    const old = makeEnvironment({ name: "old", phase: "Failed", reason: "CrashLoop" });
    const mine = makeEnvironment({ name: "mine" });
    const foreign = makeEnvironment({ name: "foreign", owner: "li.wei" });
    serveEnvironments(old, mine, foreign);
    const { user, queries } = await open();
    await user.click(choice());
    await waitFor(() => expect(choice()).toBeChecked());
    await waitFor(() => expect(queries.getQueryData(["environments"])).toBeDefined());
    const fails = (one: EnvironmentView, version: string) =>
      act(() =>
        FakeEventSource.latest.say("environment", {
          ...one,
          phase: "Failed",
          reason: "OutOfMemory",
          resourceVersion: version,
        }),
      );
    fails(foreign, "11");
    fails(mine, "12");
    await waitFor(() => expect(shown).toHaveLength(1));
    fails(mine, "13");
    const stopsAt = new Date(Date.now() + 120_000).toISOString();
    act(() => FakeEventSource.latest.say("environment", { ...mine, stopsAt, stopsWhy: "Idle", resourceVersion: "14" }));
    await waitFor(() => expect(shown).toHaveLength(2));
    expect(shown.map(({ title }) => title)).toEqual(["mine", "mine"]);
    expect(shown[0]?.body).toBe("Failed: Out of memory");
    expect(shown[1]?.body).toMatch(/^Stops/);
  });

  test("that the browser refuses stay off, and that is said", async () => {
    answer = "denied";
    const { user } = await open();
    await user.click(choice());
    expect(await screen.findByText(/does not show notices of this page/)).toBeVisible();
    expect(choice()).not.toBeChecked();
  });
});

test("sessions end here, or everywhere", async () => {
  await open();
  const sessions = screen.getByRole("region", { name: "Sessions" });
  const action = (name: string) => within(sessions).getByRole("button", { name }).closest("form");
  expect(action("Sign out")).toHaveAttribute("action", "/signout");
  expect(action("Sign out everywhere")).toHaveAttribute("action", "/signout-everywhere");
  expect(action("Sign out everywhere")).toHaveAttribute("method", "post");
});

test("an unreadable account is told where it would stand", async () => {
  api.use(http.get("*/api/v1/me", () => problem(500, "broken")));
  await open();
  const identity = screen.getByRole("region", { name: "Who you are" });
  expect(await within(identity).findByRole("alert")).toHaveTextContent("500 broken");
  expect(screen.getByRole("combobox", { name: "Language" })).toBeVisible();
});
