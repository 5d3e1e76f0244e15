import { screen, waitFor, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { makeEnvironment } from "../testing/builders";
import { serveEnvironments } from "../testing/server";
import { show } from "../testing/show";

test("where there is room, the pages stand side by side", async () => {
  serveEnvironments(makeEnvironment());
  show("/envs");
  const nav = screen.getByRole("navigation", { name: "Main" });
  expect(
    within(nav)
      .getAllByRole("link")
      .map(({ textContent }) => textContent),
  ).toEqual(["Dev Environments", "Environment Templates", "Kept disks"]);
  expect(within(nav).getByRole("link", { current: "page" })).toHaveTextContent("Dev Environments");
});

test("where there is none, a button says where one is and leads on", async () => {
  const wide = window.matchMedia;
  vi.spyOn(window, "matchMedia").mockImplementation((query) => Object.assign(wide(query), { matches: false }));
  serveEnvironments(makeEnvironment());
  const { user, router } = show("/envs");
  const nav = screen.getByRole("navigation", { name: "Main" });
  expect(within(nav).queryByRole("link")).toBeNull();
  await user.click(within(nav).getByRole("button", { name: "Dev Environments" }));
  const here = await screen.findByRole("menuitem", { name: "Dev Environments" });
  expect(here).toHaveAttribute("aria-current", "page");
  await user.click(screen.getByRole("menuitem", { name: "Environment Templates" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/templates"));
});
