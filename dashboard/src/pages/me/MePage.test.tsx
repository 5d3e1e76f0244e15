import { act, screen, waitFor, within } from "@testing-library/react";
import { http } from "msw";
import { afterEach, beforeEach, expect, test } from "vitest";
import { setLanguage } from "../../i18n";
import { formatMoment } from "../../model/times";
import { serveMe } from "../../testing/admin";
import { makeEnvironment } from "../../testing/builders";
import { api, problem, serveEnvironments } from "../../testing/server";
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
