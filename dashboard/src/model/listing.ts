import type { EnvironmentView } from "../api/schema";
import { GROUPS, type Group, groupOf } from "./phases";
import type { TemplateNames } from "./templates";

export const SORTS = ["attention", "name", "status", "template", "project", "owner", "activity"] as const;
export type Sort = (typeof SORTS)[number];
export const STATES = ["all", ...GROUPS, "outdated"] as const;
export type State = (typeof STATES)[number];
export const PAGE_SIZES = [20, 50, 100] as const;

/** What the list shows; every part of it stands in the address, so that reload and sharing keep it. */
export interface View {
  readonly text: string;
  readonly state: State;
  readonly project: string;
  readonly template: string;
  readonly whose: "mine" | "all";
  readonly sort: Sort;
  readonly descending: boolean;
  readonly page: number;
  readonly size: (typeof PAGE_SIZES)[number];
  readonly form: "table" | "cards";
}

export const DEFAULT_VIEW: View = {
  text: "",
  state: "all",
  project: "",
  template: "",
  whose: "all",
  sort: "attention",
  descending: false,
  page: 1,
  size: 20,
  form: "table",
};

/** The view that an address asks for, and whether something in it was not understood and left out. */
export function readView(query: URLSearchParams): { view: View; dropped: boolean } {
  let dropped = false;
  const choose = <Value extends string>(key: string, known: readonly Value[], fallback: Value): Value => {
    const value = query.get(key);
    const found = known.find((candidate) => candidate === value);
    dropped ||= value !== null && found === undefined;
    return found ?? fallback;
  };
  const sortText = query.get("sort") ?? "";
  const descending = sortText.startsWith("-");
  const sort = SORTS.find((candidate) => candidate === sortText.replace(/^-/, ""));
  dropped ||= sortText !== "" && sort === undefined;
  const pageText = query.get("page") ?? "1";
  const page = /^[1-9]\d{0,5}$/.test(pageText) ? Number(pageText) : 1;
  dropped ||= String(page) !== pageText;
  const sizes = PAGE_SIZES.map(String);
  const size = Number(choose("size", sizes, "20"));
  return {
    view: {
      text: (query.get("q") ?? "").slice(0, 253),
      state: choose("state", STATES, "all"),
      project: (query.get("project") ?? "").slice(0, 63),
      template: (query.get("template") ?? "").slice(0, 63),
      whose: choose("whose", ["mine", "all"], "all"),
      sort: sort ?? "attention",
      descending: sort !== undefined && descending,
      page,
      size: PAGE_SIZES.find((candidate) => candidate === size) ?? 20,
      form: choose("form", ["table", "cards"], "table"),
    },
    dropped,
  };
}

/** The query of a view's address: only what differs from the default. */
export function writeView(view: View, keep: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams(keep);
  const put = (key: string, value: string, fallback: string) =>
    value === fallback ? query.delete(key) : query.set(key, value);
  put("q", view.text, "");
  put("state", view.state, "all");
  put("project", view.project, "");
  put("template", view.template, "");
  put("whose", view.whose, "all");
  put("sort", (view.descending ? "-" : "") + view.sort, "attention");
  put("page", String(view.page), "1");
  put("size", String(view.size), "20");
  put("form", view.form, "table");
  return query;
}

/** Those in projects of a workspace of KubeSphere; all of them if there is none. */
export function ofWorkspace(
  known: ReadonlyMap<string, EnvironmentView>,
  workspace: string,
): ReadonlyMap<string, EnvironmentView> {
  return workspace === ""
    ? known
    : new Map([...known].filter(([, environment]) => environment.workspace === workspace));
}

/** Everything but the state filter, so that the filter's buttons can count what each would show. */
export function matchBeforeState(
  environments: Iterable<EnvironmentView>,
  view: View,
  me: string,
  names: TemplateNames,
): EnvironmentView[] {
  const text = view.text.trim().toLowerCase();
  const found: EnvironmentView[] = [];
  for (const environment of environments) {
    const fits =
      (view.project === "" || environment.namespace === view.project) &&
      (view.template === "" || environment.template === view.template) &&
      (view.whose === "all" || environment.owner === me) &&
      (text === "" || haystack(environment, names).includes(text));
    if (fits) {
      found.push(environment);
    }
  }
  return found;
}

function haystack(environment: EnvironmentView, names: TemplateNames): string {
  const { displayName, name, owner, template, git } = environment;
  const called = names.get(template)?.text ?? "";
  return [displayName, name, owner, template, called, git?.repository ?? ""].join("\n").toLowerCase();
}

export function matchesState(environment: EnvironmentView, state: State): boolean {
  return (
    state === "all" || (state === "outdated" ? environment.templateOutdated : groupOf(environment) === (state as Group))
  );
}

/** In the order of the view: what needs attention first, then what was used last. */
export function sortEnvironments(
  environments: readonly EnvironmentView[],
  view: View,
  names: TemplateNames,
): EnvironmentView[] {
  const compare = COMPARE[view.sort];
  const sign = view.descending ? -1 : 1;
  return [...environments].sort((one, other) => sign * compare(one, other, names) || byKey(one, other));
}

const URGENCY: Record<Group, number> = { failed: 0, starting: 1, running: 2, stopped: 3 };
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

type Compare = (one: EnvironmentView, other: EnvironmentView, names: TemplateNames) => number;

const COMPARE: Record<Sort, Compare> = {
  attention: (one, other) => URGENCY[groupOf(one)] - URGENCY[groupOf(other)] || used(other) - used(one),
  name: (one, other) => collator.compare(one.displayName, other.displayName),
  status: (one, other) => collator.compare(one.phase, other.phase),
  template: (one, other, names) =>
    collator.compare(names.get(one.template)?.text ?? one.template, names.get(other.template)?.text ?? other.template),
  project: (one, other) => collator.compare(one.namespace, other.namespace),
  owner: (one, other) => collator.compare(one.owner, other.owner),
  activity: (one, other) => used(other) - used(one),
};

const byKey = (one: EnvironmentView, other: EnvironmentView): number =>
  collator.compare(one.namespace, other.namespace) || collator.compare(one.name, other.name);

// A sort of 2,000 asks 40,000 times; to read the moments each time is 6 ms of every filter.
const moments = new WeakMap<EnvironmentView, number>();

function used(environment: EnvironmentView): number {
  let moment = moments.get(environment);
  if (moment === undefined) {
    moment = Date.parse(environment.lastActivity ?? environment.startedAt ?? environment.createdAt) || 0;
    moments.set(environment, moment);
  }
  return moment;
}
