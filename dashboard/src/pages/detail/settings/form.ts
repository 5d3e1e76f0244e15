import type { EnvironmentPatch, EnvironmentView, FieldError, TemplateView, Variable } from "../../../api/schema";
import { parseDuration } from "../../../model/durations";
import { isWhole, readHours, type WeekHours, writeHours } from "../../../model/hours";
import { parseQuantity } from "../../../model/quantities";
import { SIZES, type Size, sizesWithin } from "../../../model/sizes";

/** What the page shows and changes. Empty texts mean that the template decides. */
export interface Draft {
  readonly displayName: string;
  readonly description: string;
  readonly size: Size;
  readonly cpu: string;
  readonly memory: string;
  readonly storage: string;
  readonly image: string;
  readonly variables: readonly Variable[];
  readonly idleTimeout: string;
  readonly maxRunDuration: string;
  readonly schedule: readonly WeekHours[];
  readonly dataPolicy: "Retain" | "Delete";
  readonly paused: boolean;
}

/** In the order of the page: with a problem, the first one gets the focus. */
export const FIELDS = [
  "displayName",
  "description",
  "cpu",
  "memory",
  "storage",
  "image",
  "variables",
  "idleTimeout",
  "maxRunDuration",
  "schedule",
  "dataPolicy",
  "paused",
] as const;
export type Field = (typeof FIELDS)[number];

/** What an environment has set for itself now. */
export function draftOf(environment: EnvironmentView): Draft {
  const { own, name, displayName, description, dataPolicy, paused } = environment;
  const named = SIZES.find(({ cpu, memory }) => equal(cpu, own.cpu) && equal(memory, own.memory));
  const free = own.cpu === null && own.memory === null;
  return {
    // The API shows the name where nothing else is set.
    displayName: displayName === name ? "" : displayName,
    description,
    size: free ? "default" : (named?.id ?? "own"),
    cpu: own.cpu ?? "",
    memory: own.memory ?? "",
    storage: own.storage ?? "",
    image: own.image ?? "",
    variables: own.variables,
    idleTimeout: own.idleTimeout ?? "",
    maxRunDuration: own.maxRunDuration ?? "",
    schedule: own.schedule.map(readHours),
    dataPolicy,
    paused,
  };
}

function equal(one: string, other: string | null): boolean {
  return other !== null && parseQuantity(one) === parseQuantity(other);
}

/** CPU and memory that a draft asks for; null where the template decides. */
export function numbersOf({ size, cpu, memory }: Draft): { cpu: string | null; memory: string | null } {
  const named = SIZES.find(({ id }) => id === size);
  if (named !== undefined) {
    return { cpu: named.cpu, memory: named.memory };
  }
  return size === "own" ? { cpu: cpu.trim() || null, memory: memory.trim() || null } : { cpu: null, memory: null };
}

type Complete = { [Name in Field]: Exclude<EnvironmentPatch[Name], undefined> | null };

function valuesOf(draft: Draft): Complete {
  return {
    displayName: draft.displayName.trim() || null,
    description: draft.description.trim() || null,
    ...numbersOf(draft),
    storage: draft.storage.trim() || null,
    image: draft.image || null,
    variables: draft.variables.map(({ name, value }) => ({ name, value: value ?? "" })),
    idleTimeout: draft.idleTimeout.trim() || null,
    maxRunDuration: draft.maxRunDuration.trim() || null,
    schedule: draft.schedule.length === 0 ? null : draft.schedule.map(writeHours),
    dataPolicy: draft.dataPolicy,
    paused: draft.paused,
  };
}

/** The fields in which two drafts ask for something else. */
export function differences(one: Draft, other: Draft): readonly Field[] {
  const [first, second] = [valuesOf(one), valuesOf(other)];
  return FIELDS.filter((field) => JSON.stringify(first[field]) !== JSON.stringify(second[field]));
}

/** What is to be sent so that `base` becomes `draft`: nothing but what differs. */
export function patchOf(base: Draft, draft: Draft): EnvironmentPatch {
  const values = valuesOf(draft);
  // A disk that was asked for cannot be asked away; the form says so before.
  const changed = differences(base, draft).filter((field) => field !== "storage" || values.storage !== null);
  return Object.fromEntries(changed.map((field) => [field, values[field]])) as EnvironmentPatch;
}

/** `theirs` with what `mine` has changed since `base`. */
export function merge({ base, mine, theirs }: { base: Draft; mine: Draft; theirs: Draft }): Draft {
  const own = differences(base, mine);
  const kept = Object.fromEntries(own.map((field) => [field, mine[field]])) as Partial<Draft>;
  const { size, cpu, memory } = own.includes("cpu") || own.includes("memory") ? mine : theirs;
  return { ...theirs, ...kept, size, cpu, memory };
}

export type Problem =
  | { readonly kind: "quantity" | "duration" | "name" | "hours" }
  | { readonly kind: "most" | "shrink" | "longest"; readonly bound: string };

/** What the cluster would refuse for certain, known without asking. */
export function findProblems(
  draft: Draft,
  { base, template, environment }: { base: Draft; template: TemplateView | null; environment: EnvironmentView },
): Partial<Record<Field, Problem>> {
  const changed = new Set<Field>(differences(base, draft));
  const { cpu, memory } = numbersOf(draft);
  const found: Partial<Record<Field, Problem | undefined>> = {
    cpu: amountProblem(cpu, template?.maxCpu ?? null),
    memory: amountProblem(memory, template?.maxMemory ?? null),
    storage: storageProblem(draft, { base, template, environment }),
    variables: draft.variables.some(({ name }) => !VARIABLE.test(name)) ? { kind: "name" } : undefined,
    idleTimeout: lengthProblem(draft.idleTimeout, template?.idleTimeout ?? null),
    maxRunDuration: lengthProblem(draft.maxRunDuration, template?.maxRunDuration ?? null),
    schedule: draft.schedule.every(isWhole) ? undefined : { kind: "hours" },
  };
  return Object.fromEntries(
    Object.entries(found).filter(([field, problem]) => problem !== undefined && changed.has(field as Field)),
  ) as Partial<Record<Field, Problem>>;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

function amountProblem(wanted: string | null, most: string | null): Problem | undefined {
  if (wanted === null) {
    return undefined;
  }
  const amount = parseQuantity(wanted);
  const limit = most === null ? undefined : parseQuantity(most);
  if (amount === undefined || amount <= 0) {
    return { kind: "quantity" };
  }
  return limit !== undefined && amount > limit ? { kind: "most", bound: most ?? "" } : undefined;
}

function storageProblem(
  { storage }: Draft,
  { base, template, environment }: { base: Draft; template: TemplateView | null; environment: EnvironmentView },
): Problem | undefined {
  const now = base.storage || template?.storage || "";
  if (storage.trim() === "") {
    return base.storage === "" ? undefined : { kind: "shrink", bound: now };
  }
  const problem = amountProblem(storage.trim(), template?.maxStorage ?? null);
  const least = environment.disk.wanted ?? environment.disk.size ?? parseQuantity(now) ?? 0;
  const shrinks = (parseQuantity(storage) ?? Number.POSITIVE_INFINITY) < least;
  return shrinks ? { kind: "shrink", bound: now } : problem;
}

function lengthProblem(wanted: string, longest: string | null): Problem | undefined {
  if (wanted.trim() === "") {
    return undefined;
  }
  const seconds = parseDuration(wanted);
  if (seconds === undefined) {
    return { kind: "duration" };
  }
  return isLonger(seconds, longest) ? { kind: "longest", bound: longest ?? "" } : undefined;
}

/** Whether a length is beyond the template's, which nobody can exceed. */
export function isLonger(seconds: number, longest: string | null): boolean {
  const limit = longest === null ? undefined : parseDuration(longest);
  return limit !== undefined && seconds > limit;
}

const PLACES: readonly [path: string, field: Field][] = [
  ["spec.overrides.resources.limits.cpu", "cpu"],
  ["spec.overrides.resources.limits.memory", "memory"],
  ["spec.overrides.resources", "cpu"],
  ["spec.overrides.storage", "storage"],
  ["spec.overrides.image", "image"],
  ["spec.overrides.env", "variables"],
  ["spec.lifecycle.idleTimeout", "idleTimeout"],
  ["spec.lifecycle.maxRunDuration", "maxRunDuration"],
  ["spec.lifecycle.schedule", "schedule"],
  ["spec.displayName", "displayName"],
  ["spec.description", "description"],
  ["spec.dataPolicy", "dataPolicy"],
];

/** The place on the page for what the server says about a field of the object or of the request. */
export function placeOf({ field }: FieldError): Field | undefined {
  return (
    PLACES.find(([path]) => field.startsWith(path))?.[1] ?? FIELDS.find((name) => field.split(/[.[]/, 1)[0] === name)
  );
}

/** The next named size that the template allows, counted by memory. */
export function sizeBeside(template: TemplateView, memory: string, way: "larger" | "smaller"): Size | undefined {
  const now = parseQuantity(memory) ?? 0;
  const sizes = sizesWithin(template);
  const memoryOf = (size: (typeof sizes)[number]) => parseQuantity(size.memory) ?? 0;
  const found =
    way === "larger" ? sizes.find((size) => memoryOf(size) > now) : sizes.findLast((size) => memoryOf(size) < now);
  return found?.id;
}
