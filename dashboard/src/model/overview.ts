import type { EnvironmentView } from "../api/schema";
import { PAGE_SIZES } from "./listing";
import { type Group, groupOf } from "./phases";
import { parseQuantity } from "./quantities";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const IDLE_MS = HOUR_MS;
const LONG_MS = 30 * DAY_MS;
const USED_JUST_NOW_MS = 5 * MINUTE_MS;
const LARGEST = 10;

export const PRESETS = ["all", "idle", "failed", "unopened", "long-stopped", "largest", "outdated"] as const;
export type Preset = (typeof PRESETS)[number];
export const COLUMNS = ["name", "owner", "project", "status", "idle", "size", "started"] as const;
export type Column = (typeof COLUMNS)[number];

/** Since when nobody works in one that runs; null where it does not run, or its use is not known. */
export function idleSince({ phase, lastActivity, readyAt }: EnvironmentView): string | null {
  if ((phase !== "Running" && phase !== "Unreachable") || lastActivity === null) {
    return null;
  }
  return readyAt !== null && Date.parse(readyAt) > Date.parse(lastActivity) ? readyAt : lastActivity;
}

/** Whether somebody works in it, as far as is known; `now` in milliseconds since 1970. */
export function isInUse(environment: EnvironmentView, now: number): boolean {
  const since = idleSince(environment);
  return since !== null && now - Date.parse(since) < USED_JUST_NOW_MS;
}

/** The same where not knowing counts as working: by this goes what would interrupt somebody unasked. */
export function mayBeInUse(environment: EnvironmentView, now: number): boolean {
  return idleSince(environment) === null || isInUse(environment, now);
}

/**
 * Whether nobody has come since its last start, an hour ago or longer: the start of its container is the last that is
 * known of it. Of starts before that nothing is known.
 */
function isUnopened({ readyAt, lastActivity }: EnvironmentView, now: number): boolean {
  return (
    readyAt !== null &&
    lastActivity !== null &&
    Date.parse(lastActivity) <= Date.parse(readyAt) &&
    now - Date.parse(readyAt) > IDLE_MS
  );
}

export function fitsPreset(environment: EnvironmentView, preset: Preset, now: number): boolean {
  switch (preset) {
    case "all":
    case "largest":
      return true;
    case "unopened":
      return isUnopened(environment, now);
    case "idle": {
      const since = idleSince(environment);
      return since !== null && now - Date.parse(since) > IDLE_MS;
    }
    case "failed":
      return groupOf(environment) === "failed";
    case "long-stopped":
      return (
        environment.phase === "Stopped" &&
        environment.stoppedAt !== null &&
        now - Date.parse(environment.stoppedAt) > LONG_MS
      );
    case "outdated":
      return environment.templateOutdated;
  }
}

/** How many there are of each, and what those with a pod take of the cluster: cores and bytes. */
export interface Sums {
  readonly groups: Record<Group, number>;
  readonly presets: Record<Preset, number>;
  /** Of the failed ones, by reason, the most frequent first. */
  readonly causes: readonly (readonly [reason: string, count: number])[];
  readonly requested: { readonly cpu: number; readonly memory: number };
  readonly limits: { readonly cpu: number; readonly memory: number };
  readonly owners: number;
  readonly projects: number;
}

export function sumUp(environments: readonly EnvironmentView[], now: number): Sums {
  const groups: Record<Group, number> = { running: 0, starting: 0, stopped: 0, failed: 0 };
  const presets = Object.fromEntries(PRESETS.map((preset) => [preset, 0])) as Record<Preset, number>;
  const causes = new Map<string, number>();
  const [requested, limits] = [
    { cpu: 0, memory: 0 },
    { cpu: 0, memory: 0 },
  ];
  for (const environment of environments) {
    groups[groupOf(environment)] += 1;
    for (const preset of PRESETS) {
      presets[preset] += fitsPreset(environment, preset, now) ? 1 : 0;
    }
    if (groupOf(environment) === "failed" && environment.reason !== "") {
      causes.set(environment.reason, (causes.get(environment.reason) ?? 0) + 1);
    }
    if (environment.progress.made) {
      requested.cpu += parseQuantity(environment.cpuRequest) ?? 0;
      requested.memory += parseQuantity(environment.memoryRequest) ?? 0;
      limits.cpu += parseQuantity(environment.cpu) ?? 0;
      limits.memory += parseQuantity(environment.memory) ?? 0;
    }
  }
  presets.largest = Math.min(presets.largest, LARGEST);
  return {
    groups,
    presets,
    causes: [...causes].sort(([one, many], [other, more]) => more - many || one.localeCompare(other)),
    requested,
    limits,
    owners: new Set(environments.map(({ owner }) => owner)).size,
    projects: new Set(environments.map(({ namespace }) => namespace)).size,
  };
}

/** What the table shows; it stands in the address. */
export interface AdminView {
  readonly preset: Preset;
  readonly cause: string;
  readonly text: string;
  readonly sort: Column;
  readonly descending: boolean;
  readonly page: number;
  readonly size: (typeof PAGE_SIZES)[number];
}

export function readAdminView(query: URLSearchParams): AdminView {
  const sort = query.get("sort") ?? "";
  const page = query.get("page") ?? "";
  return {
    preset: PRESETS.find((preset) => preset === query.get("show")) ?? "all",
    cause: (query.get("cause") ?? "").slice(0, 64),
    text: (query.get("q") ?? "").slice(0, 253),
    sort: COLUMNS.find((column) => column === sort.replace(/^-/, "")) ?? "name",
    descending: sort.startsWith("-"),
    page: /^[1-9]\d{0,5}$/.test(page) ? Number(page) : 1,
    size: PAGE_SIZES.find((size) => String(size) === query.get("size")) ?? PAGE_SIZES[0],
  };
}

/** The query of the view's address: only what differs from the default; what is not ours stays. */
export function writeAdminView(view: AdminView, keep: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams(keep);
  const put = (key: string, value: string, fallback: string) =>
    value === fallback ? query.delete(key) : query.set(key, value);
  put("show", view.preset, "all");
  put("cause", view.preset === "failed" ? view.cause : "", "");
  put("q", view.text, "");
  put("sort", (view.descending ? "-" : "") + view.sort, "name");
  put("page", String(view.page), "1");
  put("size", String(view.size), String(PAGE_SIZES[0]));
  return query;
}

/** What the view shows, in its order. */
export function selectRows(environments: readonly EnvironmentView[], view: AdminView, now: number): EnvironmentView[] {
  const text = view.text.trim().toLowerCase();
  const compare = COMPARE[view.sort];
  const sign = view.descending ? -1 : 1;
  const fitting = environments.filter(
    (environment) =>
      fitsPreset(environment, view.preset, now) &&
      (view.preset !== "failed" || view.cause === "" || environment.reason === view.cause) &&
      (text === "" || haystack(environment).includes(text)),
  );
  const rows = view.preset === "largest" ? largestOf(fitting) : fitting;
  return rows.sort((one, other) => sign * compare(one, other) || byKey(one, other));
}

function largestOf(environments: readonly EnvironmentView[]): EnvironmentView[] {
  return [...environments].sort((one, other) => size(other) - size(one) || byKey(one, other)).slice(0, LARGEST);
}

function haystack({ displayName, name, owner, namespace, template }: EnvironmentView): string {
  return `${displayName}\n${name}\n${owner}\n${namespace}\n${template}`.toLowerCase();
}

type Compare = (one: EnvironmentView, other: EnvironmentView) => number;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const moment = (time: string | null) => (time === null ? Number.POSITIVE_INFINITY : Date.parse(time));
const size = ({ cpu, memory }: EnvironmentView) => (parseQuantity(cpu) ?? 0) * 2 ** 40 + (parseQuantity(memory) ?? 0);

const byKey: Compare = (one, other) =>
  collator.compare(one.namespace, other.namespace) || collator.compare(one.name, other.name);

const COMPARE: Record<Column, Compare> = {
  name: (one, other) => collator.compare(one.displayName, other.displayName),
  owner: (one, other) => collator.compare(one.owner, other.owner),
  project: (one, other) => collator.compare(one.namespace, other.namespace),
  status: (one, other) => collator.compare(one.phase, other.phase),
  // The longest idle first, unknown last.
  idle: (one, other) => order(moment(idleSince(one)), moment(idleSince(other))),
  size: (one, other) => size(one) - size(other),
  started: (one, other) => order(moment(one.startedAt), moment(other.startedAt)),
};

function order(one: number, other: number): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

const CSV = [
  ["name", (one) => one.name],
  ["displayName", (one) => one.displayName],
  ["project", (one) => one.namespace],
  ["owner", (one) => one.owner],
  ["template", (one) => one.template],
  ["phase", (one) => one.phase],
  ["reason", (one) => one.reason],
  ["stopReason", (one) => one.stopReason ?? ""],
  ["cpu", (one) => one.cpu],
  ["memory", (one) => one.memory],
  ["cpuRequest", (one) => one.cpuRequest],
  ["memoryRequest", (one) => one.memoryRequest],
  ["diskBytes", (one) => String(one.disk.size ?? "")],
  ["createdAt", (one) => one.createdAt],
  ["startedAt", (one) => one.startedAt ?? ""],
  ["stoppedAt", (one) => one.stoppedAt ?? ""],
  ["lastActivity", (one) => one.lastActivity ?? ""],
] as const satisfies readonly (readonly [head: string, value: (one: EnvironmentView) => string])[];

/** The rows as a table for spreadsheets (RFC 4180). A name that would be a formula there is made text. */
export function toCsv(rows: readonly EnvironmentView[]): string {
  const lines = [CSV.map(([head]) => head), ...rows.map((row) => CSV.map(([, value]) => value(row)))];
  return lines
    .map((cells) => cells.map(quote).join(","))
    .join("\r\n")
    .concat("\r\n");
}

function quote(cell: string): string {
  const safe = /^[=+\-@＝＋－＠\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
