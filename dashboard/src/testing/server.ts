import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import type { EnvironmentView, Shortage, TemplateView } from "../api/schema";
import { makeHistory, makeHoldings, makeMe, makeTemplate, makeUsageTable } from "./builders";

const PLACE = "*/api/v1/namespaces/:namespace/environments/:name";

/** The API as a developer with one project sees it; a test says what is different for it. */
export const api = setupServer(
  http.get("*/api/v1/me", () => HttpResponse.json(makeMe())),
  http.get("*/api/v1/namespaces", () => HttpResponse.json({ items: [{ name: "team", workspace: "" }] })),
  http.get("*/api/v1/templates", () => HttpResponse.json({ items: [makeTemplate()] })),
  http.get("*/api/v1/environments", () => page([])),
  http.get("*/api/v1/limits", () => HttpResponse.json(makeHoldings())),
  http.get("*/api/v1/usage", () => HttpResponse.json(makeUsageTable())),
  http.get("*/api/v1/usage/now", () => HttpResponse.json({ items: [] })),
  http.get(`${PLACE}/usage/history`, () => HttpResponse.json(makeHistory())),
);

export function page(items: readonly EnvironmentView[]) {
  return HttpResponse.json({ items, total: items.length, next: null });
}

export function serveEnvironments(...items: readonly EnvironmentView[]): void {
  api.use(http.get("*/api/v1/environments", () => page(items)));
}

export function serveTemplates(...items: readonly TemplateView[]): void {
  api.use(http.get("*/api/v1/templates", () => HttpResponse.json({ items })));
}

/** The person may publish templates. */
export function servePublisher(): void {
  const templates = { create: true, edit: true, delete: true };
  api.use(http.get("*/api/v1/me", () => HttpResponse.json(makeMe({ templates, seesAll: true }))));
}

/** A refusal past a limit, as the server words it, with its numbers. */
export function refusal(reason: string, ...limits: readonly Shortage[]) {
  return HttpResponse.json(
    { title: "Forbidden", status: 403, detail: "The server's words.", reason, limits },
    { status: 403 },
  );
}

export function problem(status: number, detail: string, errors: readonly { field: string; message: string }[] = []) {
  return HttpResponse.json({ title: "Problem", status, detail, errors }, { status });
}

/** Keeps what was asked for; answers with `answer`, by default that it was done. */
export function record(method: "post" | "delete", path = "", answer = () => new HttpResponse(null, { status: 204 })) {
  const asked: string[] = [];
  api.use(
    http[method](PLACE + path, ({ request }) => {
      const url = new URL(request.url);
      asked.push(url.pathname.replace("/api/v1/namespaces/", "") + url.search);
      if (request.headers.get("X-DevWorkspace-CSRF") !== "1") {
        return problem(403, "no CSRF header");
      }
      return answer();
    }),
  );
  return asked;
}
