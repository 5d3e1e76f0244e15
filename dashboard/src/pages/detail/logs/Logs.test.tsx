import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { makeEnvironment } from "../../../testing/builders";
import { FakeEventSource } from "../../../testing/events";
import { api, problem, serveEnvironments } from "../../../testing/server";
import { show } from "../../../testing/show";

const LOGS = "*/api/v1/namespaces/:namespace/environments/:name/logs";
const TEXT = { headers: { "Content-Type": "text/plain; charset=utf-8" } };

/** A log that a test writes, as the server streams it. */
class Writer {
  readonly asked: string[] = [];
  #streams: ReadableStreamDefaultController<Uint8Array>[] = [];

  serve(): void {
    api.use(
      http.get(LOGS, ({ request }) => {
        this.asked.push(new URL(request.url).search);
        const body = new ReadableStream<Uint8Array>({ start: (controller) => void this.#streams.push(controller) });
        return new HttpResponse(body, TEXT);
      }),
    );
  }

  async print(...lines: readonly string[]): Promise<void> {
    await waitFor(() => expect(this.#streams.length).toBeGreaterThan(0));
    this.#streams.at(-1)?.enqueue(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
  }

  end(): void {
    this.#streams.at(-1)?.close();
  }
}

const stamp = (second: number) => `2026-11-25T10:00:${String(second).padStart(2, "0")}.000000000Z`;
const output = () => screen.findByRole("log", { name: "Output of demo" });

beforeEach(() => {
  localStorage.clear();
  serveEnvironments(makeEnvironment());
});

describe("a log that goes on", () => {
  test("is read with its times, shown without, and what comes is added", async () => {
    const writer = new Writer();
    writer.serve();
    show("/envs/team/demo/logs");
    await writer.print(`${stamp(1)} one`, `${stamp(2)} \u001b[31m<b>two</b>\u001b[0m`);
    const log = await output();
    await waitFor(() => expect(log).toHaveTextContent("one<b>two</b>"));
    expect(log.querySelector("b")).toBeNull();
    expect(log).toHaveAttribute("aria-live", "off");
    await writer.print(`${stamp(3)} three`);
    await waitFor(() => expect(log).toHaveTextContent("three"));
    expect(screen.getByText(/Up to date · 3 lines/)).toBeVisible();
    expect(writer.asked).toEqual(["?previous=false&follow=true&timestamps=true&tailLines=500"]);
  });

  test("is taken up where it broke off, without a line twice", async () => {
    const writer = new Writer();
    writer.serve();
    show("/envs/team/demo/logs");
    await writer.print(`${stamp(1)} one`, `${stamp(2)} two`);
    const log = await output();
    await waitFor(() => expect(log).toHaveTextContent("two"));
    writer.end();
    expect(await screen.findByText(/The output has ended/)).toBeVisible();
    await waitFor(() => expect(writer.asked).toHaveLength(2));
    expect(writer.asked[1]).toMatch(/sinceSeconds=\d+/);
    await writer.print(`${stamp(2)} two`, `${stamp(3)} three`);
    await waitFor(() => expect(log).toHaveTextContent("onetwothree"));
  });

  test("a restart of the environment begins anew", async () => {
    const writer = new Writer();
    writer.serve();
    show("/envs/team/demo/logs");
    await writer.print(`${stamp(1)} of the first pod`);
    await waitFor(async () => expect(await output()).toHaveTextContent("first pod"));
    const restarted = makeEnvironment({ startedAt: "2026-11-25T11:00:00Z", resourceVersion: "11" });
    act(() => FakeEventSource.latest.say("environment", restarted));
    await waitFor(() => expect(writer.asked).toHaveLength(2));
    await writer.print(`${stamp(9)} of the second pod`);
    await waitFor(async () => expect(await output()).toHaveTextContent(/^of the second pod$/));
  });

  test("whoever has scrolled up is left there and told what came", async () => {
    const writer = new Writer();
    writer.serve();
    const { user } = show("/envs/team/demo/logs");
    await writer.print(`${stamp(1)} one`);
    const log = await output();
    await waitFor(() => expect(log).toHaveTextContent("one"));
    const size = { scrollHeight: 1000, clientHeight: 300 };
    for (const [name, value] of Object.entries(size)) {
      Object.defineProperty(log, name, { value, configurable: true });
    }
    log.scrollTop = 100;
    fireEvent.scroll(log);
    await writer.print(`${stamp(2)} two`, `${stamp(3)} three`);
    const news = await screen.findByRole("button", { name: "2 new lines" });
    expect(log.scrollTop).toBe(100);
    log.scrollTo = ((options: ScrollToOptions) => {
      log.scrollTop = options.top ?? 0;
    }) as typeof log.scrollTo;
    await user.click(news);
    expect(log.scrollTop).toBe(1000);
    expect(screen.queryByRole("button", { name: /new line/ })).toBeNull();
  });
});

describe("what is shown", () => {
  const three = `${stamp(1)} Started\n${stamp(2)} error: no\n${stamp(3)} Error: yes\n`;

  test("lines can be searched, with what was found marked", async () => {
    api.use(http.get(LOGS, () => new HttpResponse(three, TEXT)));
    const { user } = show("/envs/team/demo/logs");
    const log = await output();
    await user.type(screen.getByRole("searchbox", { name: "Show only lines with" }), "error");
    expect(log).not.toHaveTextContent("Started");
    expect([...log.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["error", "Error"]);
    expect(screen.getByText(/2 of 3 lines/)).toBeVisible();
  });

  test("times and wrapping are a choice that is kept", async () => {
    api.use(http.get(LOGS, () => new HttpResponse(three, TEXT)));
    const { user } = show("/envs/team/demo/logs");
    const log = await output();
    expect(log.querySelector("time")).toBeNull();
    expect(log).toHaveAttribute("data-wrap", "true");
    await user.click(screen.getByRole("checkbox", { name: "Times" }));
    await user.click(screen.getByRole("checkbox", { name: "Wrap lines" }));
    expect(log.querySelector("time")).toHaveAttribute("datetime", stamp(1));
    expect(log).toHaveAttribute("data-wrap", "false");
    expect([localStorage.getItem("dw-log-times"), localStorage.getItem("dw-log-wrap")]).toEqual(["true", "false"]);
  });

  test("how much and how old is asked of the server", async () => {
    const asked: string[] = [];
    api.use(
      http.get(LOGS, ({ request }) => {
        asked.push(new URL(request.url).search);
        return new HttpResponse(three, TEXT);
      }),
    );
    const { user } = show("/envs/team/demo/logs");
    await output();
    await user.click(screen.getByRole("checkbox", { name: "Follow" }));
    await user.selectOptions(screen.getByRole("combobox", { name: "Begin with the last" }), "5000");
    await user.selectOptions(screen.getByRole("combobox", { name: "Not older than" }), "1h");
    await waitFor(() =>
      expect(asked.at(-1)).toBe("?previous=false&follow=false&timestamps=true&tailLines=5000&sinceSeconds=3600"),
    );
  });

  test("the run before has an address of its own and is not followed", async () => {
    const asked: string[] = [];
    api.use(
      http.get(LOGS, ({ request }) => {
        asked.push(new URL(request.url).search);
        return new HttpResponse(three, TEXT);
      }),
    );
    const { user, router } = show("/envs/team/demo/logs?previous=1");
    await output();
    expect(asked).toEqual(["?previous=true&follow=false&timestamps=true&tailLines=500"]);
    expect(screen.getByRole("checkbox", { name: "Follow" })).toBeDisabled();
    await user.selectOptions(screen.getByRole("combobox", { name: "Run" }), "current");
    expect(router.state.location.search).toBe("");
  });

  test("it can be saved as it is kept", async () => {
    api.use(http.get(LOGS, () => new HttpResponse(three, TEXT)));
    const saved: Blob[] = [];
    URL.createObjectURL = (blob) => {
      saved.push(blob as Blob);
      return "blob:x";
    };
    URL.revokeObjectURL = () => undefined;
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
    const { user } = show("/envs/team/demo/logs");
    await output();
    await user.click(screen.getByRole("button", { name: "Download" }));
    expect(click.mock.contexts[0]).toHaveAttribute("download", "demo.team.log");
    expect(saved[0]?.size).toBe("Started\nerror: no\nError: yes\n".length);
  });
});

describe("no log", () => {
  test("a stopped environment has none, and nothing is asked", async () => {
    const refused = { allowed: false, obstacle: "phase" as const };
    const { allowed } = makeEnvironment();
    serveEnvironments(makeEnvironment({ phase: "Stopped", allowed: { ...allowed, logs: refused } }));
    show("/envs/team/demo/logs");
    expect(await screen.findByText(/A log ends with its container/)).toBeVisible();
  });

  test("without the right it says whom to ask", async () => {
    const refused = { allowed: false, obstacle: "right" as const };
    const { allowed } = makeEnvironment();
    serveEnvironments(makeEnvironment({ allowed: { ...allowed, logs: refused } }));
    show("/envs/team/demo/logs");
    expect(await screen.findByText(/You may not read the output/)).toBeVisible();
  });

  test("a container that has not started is waited for", async () => {
    api.use(http.get(LOGS, () => problem(409, "There is no such log: waiting to start.")));
    show("/envs/team/demo/logs");
    expect(await screen.findByText(/The container has not started yet/)).toBeVisible();
  });

  test("no earlier run is said", async () => {
    api.use(http.get(LOGS, () => problem(409, "There is no such log: previous terminated container not found.")));
    show("/envs/team/demo/logs?previous=1");
    expect(await screen.findByText(/has not run before this run/)).toBeVisible();
  });

  test("a silent container is not an error", async () => {
    api.use(http.get(LOGS, () => new HttpResponse("", TEXT)));
    show("/envs/team/demo/logs");
    expect(await screen.findByText(/The container has printed nothing so far/)).toBeVisible();
  });

  test("a refusal is shown with its words and can be tried again", async () => {
    api.use(http.get(LOGS, () => new HttpResponse(`${stamp(1)} one\n`, TEXT)));
    api.use(http.get(LOGS, () => problem(429, "You have too many logs open; close one of them."), { once: true }));
    const { user } = show("/envs/team/demo/logs");
    expect(await screen.findByRole("alert")).toHaveTextContent("You have too many logs open");
    await user.click(screen.getByRole("button", { name: "Retry" }));
    await waitFor(async () => expect(await output()).toHaveTextContent("one"));
  });
});
