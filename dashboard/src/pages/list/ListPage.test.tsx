import { act, screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, test } from "vitest";
import { setLanguage } from "../../i18n";
import { makeEnvironment, makeForeign, makeTemplate } from "../../testing/builders";
import { FakeEventSource } from "../../testing/events";
import { api, problem, record, refusal, serveEnvironments, serveTemplates } from "../../testing/server";
import { show } from "../../testing/show";

const results = () => screen.findByRole("region", { name: "What became of them" });
const row = async (name: string) => (await screen.findByRole("link", { name })).closest("tr") as HTMLElement;

test("what somebody else works in is not stopped without a question", async () => {
  const lastActivity = new Date(Date.now() - 60_000).toISOString();
  serveEnvironments(makeEnvironment({ owner: "li.wei", lastActivity }));
  const asked = record("post", "/stop");
  const { user } = show("/envs");
  const stop = async () => {
    await user.click(within(await row("demo")).getByRole("button", { name: /More actions/ }));
    await user.click(await screen.findByRole("menuitem", { name: "Stop" }));
  };
  await stop();
  const question = await screen.findByRole("dialog", { name: "li.wei is working in it now" });
  await user.click(within(question).getByRole("button", { name: "Cancel" }));
  expect(asked).toEqual([]);
  await stop();
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Stop" }));
  expect(await screen.findByText("demo is being stopped; its disk is kept.")).toBeVisible();
  expect(asked).toEqual(["team/environments/demo/stop"]);
});

describe("states", () => {
  test("loading shows the shape of what comes", async () => {
    api.use(http.get("*/api/v1/environments", () => new Promise<never>(() => undefined)));
    show("/envs");
    expect(await screen.findByRole("status", { name: "Loading" })).toHaveAttribute("aria-busy", "true");
  });

  test("empty explains the noun and offers the templates", async () => {
    serveTemplates(makeTemplate(), makeTemplate({ name: "secret", displayName: "Secret", usable: false }));
    show("/envs");
    expect(await screen.findByText(/an editor with its own disk in the cluster\. Choose/)).toBeVisible();
    expect(await screen.findByRole("link", { name: /Python 3/ })).toHaveAttribute("href", "/new?template=python");
    expect(screen.queryByText("Secret")).toBeNull();
  });

  test("empty without a template says whom to ask", async () => {
    serveTemplates();
    show("/envs");
    expect(await screen.findByText(/An administrator publishes templates/)).toBeVisible();
  });

  test("an error says so, with details, and can be tried again", async () => {
    api.use(http.get("*/api/v1/environments", () => problem(403, "not for you"), { once: true }));
    serveEnvironments(makeEnvironment());
    api.use(http.get("*/api/v1/environments", () => problem(403, "not for you"), { once: true }));
    const { user } = show("/envs");
    expect(await screen.findByRole("alert")).toHaveTextContent("403 not for you");
    await user.click(screen.getByRole("button", { name: "Retry" }));
    expect(await row("demo")).toBeVisible();
  });

  test("a filter that finds nothing can be cleared", async () => {
    serveEnvironments(makeEnvironment());
    const { user, router } = show("/envs?q=nothing");
    await user.click(await screen.findByRole("button", { name: "Clear filters" }));
    expect(await row("demo")).toBeVisible();
    expect(router.state.location.search).toBe("");
  });

  test("an ended session is told over the page, which stays", async () => {
    serveEnvironments(makeEnvironment());
    show("/envs");
    await row("demo");
    api.use(http.get("*/api/v1/me", () => problem(401, "Sign in first.")));
    act(() => FakeEventSource.latest.break(true));
    expect(await screen.findByRole("dialog", { name: "Your session has ended" })).toBeVisible();
    expect(screen.getByRole("link", { name: /Sign in again/ })).toHaveAttribute("target", "_blank");
    expect(document.querySelector("tr[data-uid='uid-demo']")).not.toBeNull();
  });
});

describe("rows", () => {
  test("say phase, reason and what is possible", async () => {
    serveEnvironments(
      makeEnvironment({ name: "up" }),
      makeEnvironment({ name: "bad", phase: "Failed", reason: "ImageNotFound", message: "no x:1" }),
      makeEnvironment({ name: "new-reason", phase: "Failed", reason: "Unheard", message: "as the operator says it" }),
    );
    show("/envs");
    const up = await row("up");
    expect(up).toHaveAttribute("data-phase", "Running");
    const open = within(up).getByRole("link", { name: "Open up (new tab)" });
    expect(open).toHaveAttribute("href", "/-/open?env=up--team");
    expect(open).toHaveAttribute("target", "_blank");
    expect(open).toHaveAttribute("rel", "noopener");
    expect(within(await row("bad")).getByText("Image not found")).toBeVisible();
    expect(within(await row("bad")).getByRole("button", { name: "Retry bad" })).toBeVisible();
    expect(within(await row("new-reason")).getByText("as the operator says it")).toBeVisible();
  });

  test("an action goes to the server, with the header, and its result is told", async () => {
    serveEnvironments(makeEnvironment());
    const asked = record("post", "/stop");
    const { user } = show("/envs");
    await user.click(within(await row("demo")).getByRole("button", { name: "More actions for demo" }));
    await user.click(await screen.findByRole("menuitem", { name: "Stop" }));
    expect(await screen.findByText("demo is being stopped; its disk is kept.")).toBeVisible();
    expect(asked).toEqual(["team/environments/demo/stop"]);
  });

  test("a refusal shows the server's words and stays", async () => {
    serveEnvironments(makeEnvironment({ phase: "Failed" }));
    record("post", "/restart", () => problem(409, "An environment that is Deleting cannot restart."));
    const { user } = show("/envs");
    await user.click(within(await row("demo")).getByRole("button", { name: "Retry demo" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("demo: An environment that is Deleting cannot restart.");
  });

  test.each([
    [
      "en",
      "More actions for demo",
      "Start in background",
      /running environments: 3 used \+ 1 for this, at most 3\)\. Stop another/,
    ],
    ["zh", "demo 的更多操作", "后台启动", /运行中的环境数：已用 3，本次需要 1，上限 3）。请停止您的其他环境/],
  ] as const)("a start past a limit tells the numbers, %s", async (language, more, start, words) => {
    act(() => setLanguage(language));
    serveEnvironments(makeEnvironment({ phase: "Stopped", running: false }));
    const short = { resource: "running", used: "3", needs: "1", limit: "3" };
    record("post", "/start", () => refusal("OwnerLimitReached", short));
    const { user } = show("/envs");
    await user.click(within(await row("demo")).getByRole("button", { name: more }));
    await user.click(await screen.findByRole("menuitem", { name: start }));
    expect(await screen.findByRole("alert")).toHaveTextContent(words);
    act(() => setLanguage("en"));
  });

  test("what a person may not do is there, with the reason, and does nothing", async () => {
    serveEnvironments(makeForeign("Failed"));
    const asked = record("post", "/restart");
    const { user } = show("/envs");
    const retry = within(await row("foreign")).getByRole("button", { name: /Retry/ });
    expect(retry).toHaveAttribute("aria-disabled", "true");
    expect(retry).toHaveAccessibleDescription("Only the owner or a project admin can do this.");
    await user.click(retry);
    expect(asked).toEqual([]);
  });
});

describe("live", () => {
  test("a change is drawn without asking", async () => {
    serveEnvironments(makeEnvironment());
    show("/envs");
    await row("demo");
    act(() => FakeEventSource.latest.say("environment", makeEnvironment({ phase: "Stopped", resourceVersion: "11" })));
    await waitFor(() => expect(document.querySelector("tr[data-uid]")).toHaveAttribute("data-phase", "Stopped"));
    act(() => FakeEventSource.latest.say("gone", { uid: "uid-demo" }));
    expect(await screen.findByText("No Dev Environment yet")).toBeVisible();
  });

  test("rows stay where they are while somebody stands in them", async () => {
    serveEnvironments(makeEnvironment({ name: "alpha" }), makeEnvironment({ name: "beta" }));
    const { user } = show("/envs?sort=name");
    await row("alpha");
    act(() => screen.getByRole("link", { name: "alpha" }).focus());
    act(() => FakeEventSource.latest.say("gone", { uid: "uid-alpha" }));
    act(() => FakeEventSource.latest.say("environment", makeEnvironment({ name: "aaa" })));
    expect(await screen.findByText("Deleted")).toBeVisible();
    expect(screen.queryByRole("link", { name: "aaa" })).toBeNull();
    await user.click(screen.getByRole("button", { name: "2 changes – update order" }));
    expect(await row("aaa")).toBeVisible();
    expect(screen.queryByRole("link", { name: "alpha" })).toBeNull();
  });
});

test("a closed menu gives the focus back, and opens again", async () => {
  serveEnvironments(makeEnvironment({ name: "demo" }));
  const { user } = show("/envs");
  const button = within(await row("demo")).getByRole("button", { name: "More actions for demo" });
  button.focus();
  for (let time = 0; time < 2; time += 1) {
    await user.keyboard("{Enter}");
    expect(await screen.findByRole("menu")).toBeVisible();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("menu")).toBeNull());
    expect(within(await row("demo")).getByRole("button", { name: "More actions for demo" })).toHaveFocus();
  }
});

test("a menu stays open while its row would move away", async () => {
  const others = Array.from({ length: 20 }, (_, number) =>
    makeEnvironment({ name: `other-${number}`, phase: "Stopped" }),
  );
  serveEnvironments(makeEnvironment({ name: "demo", phase: "Failed" }), ...others);
  const { user } = show("/envs");
  await user.click(within(await row("demo")).getByRole("button", { name: "More actions for demo" }));
  const menu = await screen.findByRole("menu");
  await user.keyboard("{ArrowDown}");
  await waitFor(() =>
    expect(menu, "the focus is not in the row").toContainElement(document.activeElement as HTMLElement),
  );
  const fixed = makeEnvironment({ name: "demo", phase: "Stopped", displayName: "zzz", resourceVersion: "11" });
  act(() =>
    FakeEventSource.latest.say("environment", { ...fixed, createdAt: "2020-01-01T00:00:00Z", startedAt: null }),
  );
  expect(await screen.findByRole("link", { name: "zzz" })).toBeVisible();
  expect(screen.getByRole("menu")).toBe(menu);
  await user.click(screen.getByRole("button", { name: /update order/ }));
  await waitFor(() => expect(screen.queryByRole("link", { name: "zzz" }), "on the second page").toBeNull());
});

/** Accepts 30 stops, and then one after each that it has refused, or no more today; returns whom it stopped. */
function serveLimitedStops({ refill }: { refill: boolean }): readonly string[] {
  const stopped: string[] = [];
  let tokens = 30;
  api.use(
    http.post("*/api/v1/namespaces/team/environments/:name/stop", ({ params }) => {
      if (tokens === 0) {
        tokens = refill ? 1 : 0;
        return new HttpResponse(null, { status: 429, headers: { "Retry-After": refill ? "0" : "3600" } });
      }
      tokens -= 1;
      stopped.push(String(params.name));
      return new HttpResponse(null, { status: 204 });
    }),
  );
  return stopped;
}

describe("more than the server takes at once", () => {
  const all = Array.from({ length: 35 }, (_, number) => makeEnvironment({ name: `env-${number}` }));

  async function stopAll() {
    serveEnvironments(...all);
    const shown = show("/envs");
    await shown.user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
    await shown.user.click(screen.getByRole("button", { name: "Select all 35 that match" }));
    await shown.user.click(screen.getByRole("button", { name: "Stop 35" }));
    return shown;
  }

  test("goes on at the server's pace until all are done", async () => {
    const stopped = serveLimitedStops({ refill: true });
    await stopAll();
    expect(within(await results()).getByText("35 of 35 done")).toBeVisible();
    expect([...stopped].sort()).toEqual(all.map(({ name }) => name).sort());
  });

  test("says how far it is; the rest can be left, is named, and stays selected", async () => {
    serveLimitedStops({ refill: false });
    const { user } = await stopAll();
    await screen.findByText("30 of 35 so far");
    expect(screen.getByText(/The server limits changes per person/)).toBeVisible();
    expect(screen.getByRole("progressbar", { name: "Progress" })).toHaveAttribute("value", "30");
    await user.click(screen.getByRole("button", { name: "Leave the rest" }));
    const shown = within(await results());
    expect(shown.getByText("30 of 35 done")).toBeVisible();
    const lines = shown.getAllByRole("listitem");
    const undone = lines.filter((line) => line.textContent?.endsWith(": Not done: the rest was left"));
    expect(undone).toEqual(lines.slice(0, 5));
    expect(screen.getByText("5 selected")).toBeVisible();
  });

  test("nobody leaves the page by accident meanwhile", async () => {
    serveLimitedStops({ refill: false });
    const { user, router } = await stopAll();
    await screen.findByRole("button", { name: "Leave the rest" });
    await user.click(screen.getByRole("link", { name: "Kept disks" }));
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByText(/the rest stays as it is/)).toBeVisible();
    await user.click(within(dialog).getByRole("button", { name: "Stay" }));
    expect(router.state.location.pathname).toBe("/envs");
    expect(screen.getByRole("button", { name: "Leave the rest" })).toBeVisible();
  });
});

describe("many", () => {
  test("are chosen one by one, or all that match", async () => {
    serveEnvironments(...Array.from({ length: 21 }, (_, number) => makeEnvironment({ name: `env-${number}` })));
    const { user } = show("/envs?sort=name");
    await user.click(await screen.findByRole("checkbox", { name: "Select env-0" }));
    await user.click(screen.getByRole("checkbox", { name: "Select env-1" }));
    expect(screen.getByText("2 selected")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Select all 21 that match" }));
    expect(screen.getByText("21 selected")).toBeVisible();
  });

  test("an action takes those that it fits and says how many", async () => {
    serveEnvironments(
      makeEnvironment({ name: "one" }),
      makeEnvironment({ name: "two" }),
      makeEnvironment({ name: "three", phase: "Stopped" }),
      makeForeign("Running"),
    );
    const asked = record("post", "/stop");
    const { user } = show("/envs");
    await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
    expect(screen.getByText("4 selected")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Stop 2 of 4" }));
    expect(await screen.findByText("one: Accepted")).toBeVisible();
    const results = within(screen.getByRole("region", { name: "What became of them" }));
    expect(results.getByText("2 of 4 done")).toBeVisible();
    expect(screen.getByText("three: Not possible while it is: Stopped.")).toBeVisible();
    expect(screen.getByText("foreign: Only the owner or a project admin can do this.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Close" }));
    expect(screen.queryByText("one: Accepted")).toBeNull();
    expect(asked.sort()).toEqual(["team/environments/one/stop", "team/environments/two/stop"]);
  });

  test("every item says what became of it", async () => {
    serveEnvironments(makeEnvironment({ name: "one" }), makeEnvironment({ name: "two" }));
    api.use(
      http.post("*/api/v1/namespaces/team/environments/:name/stop", ({ params }) =>
        params.name === "one" ? problem(503, "The cluster does not answer.") : new HttpResponse(null, { status: 204 }),
      ),
    );
    const { user } = show("/envs");
    await user.click(await screen.findByRole("checkbox", { name: "Select all on this page" }));
    await user.click(screen.getByRole("button", { name: "Stop 2" }));
    expect(await screen.findByText("one: The cluster does not answer.")).toBeVisible();
    expect(screen.getByText("two: Accepted")).toBeVisible();
    expect(screen.getByText("1 selected"), "what failed stays selected").toBeVisible();
    expect(screen.getByRole("checkbox", { name: "Select one" })).toBeChecked();
  });
});

test("search, filter and order stand in the address", async () => {
  serveEnvironments(makeEnvironment({ name: "up" }), makeEnvironment({ name: "down", phase: "Stopped" }));
  const { user, router } = show("/envs");
  await row("up");
  await user.click(screen.getByRole("button", { name: "Stopped 1" }));
  expect(screen.queryByRole("link", { name: "up" })).toBeNull();
  await user.type(screen.getByRole("searchbox"), "do");
  await user.click(screen.getByRole("button", { name: "Name" }));
  expect(router.state.location.search).toBe("?state=stopped&q=do&sort=name");
  expect(screen.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "ascending");
});

test("a view comes back from its address; what is not known there is dropped with a note", async () => {
  const many = Array.from({ length: 21 }, (_, number) => makeEnvironment({ name: `env-${number}` }));
  serveEnvironments(...many, makeEnvironment({ name: "down", phase: "Stopped" }));
  const { user, router } = show("/envs?state=running&sort=-name&page=2");
  expect(await row("env-0"), "the last one in this order").toBeVisible();
  expect(screen.queryByText(/was not known/)).toBeNull();
  await act(() => router.navigate("/envs?state=flying&page=two&sort=name"));
  expect(screen.getByText("A filter in the address was not known and is ignored.")).toBeVisible();
  expect(await row("down")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Stopped 1" }));
  expect(router.state.location.search).toBe("?state=stopped&sort=name");
  expect(screen.queryByText(/was not known/)).toBeNull();
});

test("keys lead to the search and to a new environment", async () => {
  serveEnvironments(makeEnvironment());
  const { user, router } = show("/envs");
  await row("demo");
  await user.keyboard("/");
  expect(screen.getByRole("searchbox")).toHaveFocus();
  await user.keyboard("n");
  expect(router.state.location.pathname).toBe("/envs");
  act(() => screen.getByRole("searchbox").blur());
  await user.keyboard("n");
  await screen.findByRole("heading", { name: "Create Dev Environment" }, { timeout: 10_000 });
  expect(router.state.location.pathname).toBe("/new");
});

test("the language changes in place", async () => {
  serveEnvironments(makeEnvironment());
  const { user } = show("/envs");
  await user.type(await screen.findByRole("searchbox"), "demo");
  act(() => setLanguage("zh"));
  expect(screen.getByRole("heading", { name: "云开发环境" })).toBeVisible();
  expect(screen.getByRole("searchbox")).toHaveValue("demo");
  expect(document.documentElement).toHaveAttribute("lang", "zh-CN");
  act(() => setLanguage("en"));
});

test("a name that is markup is text", async () => {
  const name = '<img src=x onerror="alert(1)">';
  serveEnvironments(makeEnvironment({ displayName: name }));
  show("/envs");
  expect(await screen.findByRole("link", { name })).toBeVisible();
  expect(document.querySelector("img")).toBeNull();
});

test("an unfinished answer of the list is no list", async () => {
  api.use(http.get("*/api/v1/environments", () => HttpResponse.error()));
  show("/envs");
  expect(await screen.findByRole("alert")).toHaveTextContent("The server does not answer.");
});
