import { HttpResponse, http } from "msw";
import type { CheckView, Me } from "../api/schema";
import { api } from "./server";

const RIGHTS: Me = {
  name: "admin",
  groups: ["devworkspace:admins"],
  mayCreate: true,
  templates: { create: true, edit: true, delete: false },
  seesAll: true,
  version: "0.1.0",
  features: [],
  audience: "devworkspace",
};

/** The API as somebody sees it who may open everybody's environments, or not. */
export function serveMe(part: Partial<Me> = {}): void {
  api.use(http.get("*/api/v1/me", () => HttpResponse.json({ ...RIGHTS, ...part })));
}

export function serveSystem(...checks: readonly CheckView[]): void {
  api.use(http.get("*/api/v1/system", () => HttpResponse.json({ addressMode: "subdomain", secure: false, checks })));
}
