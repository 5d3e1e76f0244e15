import { act, cleanup, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test } from "vitest";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeMe, makeTemplate } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, record, serveEnvironments, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

const names = () => screen.getAllByRole("rowheader").map((cell) => cell.textContent);
const done = () => screen.findByRole("region", { name: "What became of them" });
const heads = () => screen.getAllByRole("columnheader").map((cell) => cell.textContent);

beforeEach(() => localStorage.clear());

describe("the template", () => {
  const filter = () => screen.findByRole("combobox", { name: "Template" });

  test("is a filter, which stands in the address and counts for the others", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two", template: "go" }));
    const { user, router } = show("/envs");
    await user.selectOptions(await filter(), "go");
    expect(names()).toEqual(["two"]);
    expect(router.state.location.search).toBe("?template=go");
    expect(screen.getByRole("button", { name: "All 1" })).toBeVisible();
    await user.selectOptions(await filter(), "All templates");
    expect(names()).toHaveLength(2);
    expect(router.state.location.search).toBe("");
  });

  test("is told and found as people know it, in the page's language", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two", template: "go" }));
    serveTemplates(makeTemplate({ translations: { zh: { displayName: "数据分析", description: null } } }));
    act(() => setLanguage("zh"));
    const { user } = show("/envs");
    const shown = await within(await screen.findByRole("table")).findByText("数据分析");
    expect(shown).toHaveAttribute("lang", "zh");
    expect(shown).toHaveAttribute("title", "python");
    await user.type(screen.getByRole("searchbox"), "数据");
    await waitFor(() => expect(names()).toEqual(["one"]));
    act(() => setLanguage("en"));
  });

  test("is told as the cluster knows it as well where two have one name", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two", template: "python-2" }));
    serveTemplates(makeTemplate(), makeTemplate({ name: "python-2" }));
    show("/envs");
    expect(await screen.findByRole("option", { name: "Python 3 (python)" })).toBeVisible();
    expect(screen.getByRole("option", { name: "Python 3 (python-2)" })).toBeVisible();
  });

  test("of a link that nothing is made from is shown, so that it can be taken back", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }));
    show("/envs?template=gone");
    expect(await filter()).toHaveValue("gone");
    expect(screen.getByRole("button", { name: "Clear filters" })).toBeVisible();
  });

  test("is not asked where there is one only", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two" }));
    show("/envs");
    await screen.findByRole("link", { name: "one" });
    expect(screen.queryByRole("combobox", { name: "Template" })).toBeNull();
  });
});

describe("columns", () => {
  test("can be left out, which the browser remembers", async () => {
    serveEnvironments(makeEnvironment({ owner: "li.wei" }));
    const { user } = show("/envs");
    await user.click(await screen.findByRole("button", { name: "Columns" }));
    const dialog = within(await screen.findByRole("dialog", { name: "Columns" }));
    expect(
      dialog.getAllByRole("checkbox", { name: /^(Template|Project|Owner|Last active|CPU . memory)$/ }),
    ).toHaveLength(5);
    expect(dialog.getAllByRole("checkbox"), "name, status and actions stay").toHaveLength(5);
    await user.click(dialog.getByRole("checkbox", { name: "Owner" }));
    await user.click(dialog.getByRole("checkbox", { name: "Project" }));
    expect(heads()).toEqual(["", "Name", "Status", "Template", "Last active", "CPU / memory", "Actions"]);
    expect(within(screen.getByRole("table")).queryByText("li.wei")).toBeNull();
    cleanup();
    show("/envs");
    await screen.findByRole("link", { name: "demo" });
    expect(heads()).toEqual(["", "Name", "Status", "Template", "Last active", "CPU / memory", "Actions"]);
  });

  test("come back", async () => {
    localStorage.setItem("dw-list-hidden", "owner,name,nothing");
    serveEnvironments(makeEnvironment());
    const { user } = show("/envs");
    await screen.findByRole("link", { name: "demo" });
    expect(heads()).toEqual(["", "Name", "Status", "Template", "Project", "Last active", "CPU / memory", "Actions"]);
    await user.click(screen.getByRole("button", { name: "Columns" }));
    await user.click(await screen.findByRole("checkbox", { name: "Owner" }));
    expect(heads()).toContain("Owner");
  });
});

describe("templates above the list", () => {
  const strip = () => screen.queryByRole("region", { name: "Begin with a template" });

  test("lead to the form while one owns fewer than two", async () => {
    serveTemplates(makeTemplate(), makeTemplate({ name: "old", displayName: "Old", state: "Deprecated" }));
    serveEnvironments(makeEnvironment(), makeEnvironment({ name: "theirs", owner: "li.wei" }));
    show("/envs");
    const shown = within(await screen.findByRole("region", { name: "Begin with a template" }));
    expect(await shown.findByRole("link", { name: /Python 3/ })).toHaveAttribute("href", "/new?template=python");
    expect(shown.queryByText("Old")).toBeNull();
  });

  test("are not for whoever owns two", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two" }));
    show("/envs");
    await screen.findByRole("link", { name: "one" });
    expect(strip()).toBeNull();
  });

  test("neither come nor go while one looks at the list, whose rows would move", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }));
    const { router } = show("/envs");
    expect(await screen.findByRole("region", { name: "Begin with a template" })).toBeVisible();
    act(() => FakeEventSource.latest.say("environment", makeEnvironment({ name: "two" })));
    await screen.findByRole("link", { name: "two" });
    expect(strip()).not.toBeNull();
    await act(() => router.navigate("/templates"));
    await act(() => router.navigate("/envs"));
    await screen.findByRole("link", { name: "two" });
    expect(strip()).toBeNull();
    act(() => FakeEventSource.latest.say("gone", { uid: "uid-two" }));
    await waitFor(() => expect(screen.queryByRole("link", { name: "two" })).toBeNull());
    expect(strip()).toBeNull();
  });

  test("are not for whoever may create none", async () => {
    api.use(http.get("*/api/v1/me", () => HttpResponse.json(makeMe({ mayCreate: false }))));
    serveEnvironments(makeEnvironment());
    show("/envs");
    await screen.findByRole("link", { name: "demo" });
    expect(strip()).toBeNull();
  });

  test("can be put away for good", async () => {
    serveEnvironments(makeEnvironment());
    const { user } = show("/envs");
    await user.click(await screen.findByRole("button", { name: "Do not show templates here any more" }));
    expect(strip()).toBeNull();
    cleanup();
    show("/envs");
    await screen.findByRole("link", { name: "demo" });
    expect(strip()).toBeNull();
  });
});

describe("a stop of several in which others work", () => {
  const lastActivity = new Date(Date.now() - 60_000).toISOString();
  const theirs = makeEnvironment({ name: "theirs", owner: "li.wei", lastActivity });
  const mine = makeEnvironment({ name: "mine", lastActivity });
  const idle = makeEnvironment({ name: "idle", owner: "li.wei", lastActivity: "2026-11-20T10:00:00Z" });

  async function stop(count: number) {
    const asked = record("post", "/stop");
    const { user } = show("/envs");
    await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
    await user.click(screen.getByRole("button", { name: `Stop ${count}` }));
    return { asked, user };
  }

  test("asks, and spares these unless they are ticked", async () => {
    serveEnvironments(theirs, mine, idle);
    const { asked, user } = await stop(3);
    const dialog = within(await screen.findByRole("dialog", { name: "Somebody is working in 1 of them now" }));
    expect(dialog.getByRole("checkbox", { name: "theirs of li.wei" })).not.toBeChecked();
    expect(dialog.getByRole("checkbox", { name: "mine of admin" })).toBeChecked();
    expect(asked).toEqual([]);
    await user.click(dialog.getByRole("button", { name: "Stop 2" }));
    expect(await screen.findByText("theirs: Not done: the rest was left")).toBeVisible();
    expect([...asked].sort()).toEqual(["team/environments/idle/stop", "team/environments/mine/stop"]);
    expect(screen.getByText("1 selected")).toBeVisible();
  });

  test("takes those that are ticked, and none after Cancel", async () => {
    serveEnvironments(theirs, idle);
    const { asked, user } = await stop(2);
    await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Cancel" }));
    expect(asked).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Stop 2" }));
    const dialog = within(await screen.findByRole("dialog"));
    await user.click(dialog.getByRole("checkbox", { name: "theirs of li.wei" }));
    await user.click(dialog.getByRole("button", { name: "Stop 2" }));
    expect(await done()).toHaveTextContent("2 of 2 done");
    expect(asked).toHaveLength(2);
  });

  test("does not ask for one's own work, nor for what nobody uses", async () => {
    serveEnvironments(mine, idle);
    const { asked } = await stop(2);
    expect(await done()).toHaveTextContent("2 of 2 done");
    expect(asked).toHaveLength(2);
  });
});
