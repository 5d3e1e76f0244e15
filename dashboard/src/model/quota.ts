import type { LimitView, NamespaceQuota, Shortage } from "../api/schema";
import { parseQuantity } from "./quantities";

/** What one environment takes while it runs: cores and bytes. A disk that is there already takes nothing more. */
export interface Need {
  readonly cpuLimit: number;
  readonly cpuRequest: number;
  readonly memoryLimit: number;
  readonly memoryRequest: number;
  readonly storage: number;
  readonly disks: number;
}

export type Measure = "cores" | "bytes" | "pieces";

/** One bound of the project: `used` and `needs` together against `hard`. */
export interface QuotaLine {
  readonly label: Label;
  readonly measure: Measure;
  readonly used: number;
  readonly needs: number;
  readonly hard: number;
  readonly fits: boolean;
  /** Whether an environment that stops gives some of it back. */
  readonly freedByStop: boolean;
}

const PROJECT = ["cpu", "cpuRequest", "memory", "memoryRequest", "storage", "disks", "pods", "environments"] as const;
/** What a person may have in all projects together. */
const OWN = ["ownEnvironments", "ownRunning", "ownCpu", "ownMemory", "ownStorage"] as const;
const LABELS = [...PROJECT, ...OWN] as const;
export type Label = (typeof LABELS)[number];

export function isOwn({ label }: { readonly label: Label }): boolean {
  return (OWN as readonly Label[]).includes(label);
}

interface Rule {
  readonly label: Label;
  readonly measure: Measure;
  readonly freedByStop: boolean;
  readonly needs: (need: Need) => number;
}

const cpuRequest: Rule = {
  label: "cpuRequest",
  measure: "cores",
  freedByStop: true,
  needs: (need) => need.cpuRequest,
};
const memoryRequest: Rule = {
  label: "memoryRequest",
  measure: "bytes",
  freedByStop: true,
  needs: (need) => need.memoryRequest,
};
const disks: Rule = { label: "disks", measure: "pieces", freedByStop: false, needs: (need) => need.disks };
const pods: Rule = { label: "pods", measure: "pieces", freedByStop: true, needs: () => 1 };

/** The resources of a quota that an environment takes; a short name and a long one may mean the same. */
const RULES: Record<string, Rule> = {
  "limits.cpu": { label: "cpu", measure: "cores", freedByStop: true, needs: (need) => need.cpuLimit },
  cpu: cpuRequest,
  "requests.cpu": cpuRequest,
  "limits.memory": { label: "memory", measure: "bytes", freedByStop: true, needs: (need) => need.memoryLimit },
  memory: memoryRequest,
  "requests.memory": memoryRequest,
  "requests.storage": { label: "storage", measure: "bytes", freedByStop: false, needs: (need) => need.storage },
  persistentvolumeclaims: disks,
  "count/persistentvolumeclaims": disks,
  pods,
  "count/pods": pods,
  "count/workspaceinstances.devworkspace.kubesphere.io": {
    label: "environments",
    measure: "pieces",
    freedByStop: false,
    needs: () => 1,
  },
  "own.environments": { label: "ownEnvironments", measure: "pieces", freedByStop: false, needs: () => 1 },
  "own.running": { label: "ownRunning", measure: "pieces", freedByStop: true, needs: () => 1 },
  "own.cpu": { label: "ownCpu", measure: "cores", freedByStop: true, needs: (need) => need.cpuLimit },
  "own.memory": { label: "ownMemory", measure: "bytes", freedByStop: true, needs: (need) => need.memoryLimit },
  "own.storage": { label: "ownStorage", measure: "bytes", freedByStop: false, needs: (need) => need.storage },
};

const OWN_PREFIX = "own.";

/** What bounds one more environment, the tightest bound of each kind, in the order of `LABELS`. */
export function quotaLines(quota: NamespaceQuota, need: Need): readonly QuotaLine[] {
  const tightest = new Map<Label, QuotaLine>();
  const own = quota.own.map((item) => ({ ...item, resource: OWN_PREFIX + item.resource }));
  for (const { resource, hard, used } of [...quota.quotas.flatMap(({ items }) => items), ...own]) {
    const rule = RULES[resource];
    const [most, taken] = [parseQuantity(hard), parseQuantity(used)];
    if (rule === undefined || most === undefined || taken === undefined) {
      continue;
    }
    const needs = rule.needs(need);
    const { label, measure, freedByStop } = rule;
    const left = most - taken;
    const line = { label, measure, used: taken, needs, hard: most, fits: needs <= left || needs === 0, freedByStop };
    const known = tightest.get(label);
    if (known === undefined || left < known.hard - known.used) {
      tightest.set(label, line);
    }
  }
  return LABELS.flatMap((label) => tightest.get(label) ?? []);
}

/** A limit that a refusal names, `own` one of the person's; undefined for a resource that has no words here. */
export function shortageLine({ resource, used, needs, limit }: Shortage, own: boolean): QuotaLine | undefined {
  const rule = RULES[own ? OWN_PREFIX + resource : resource];
  const [taken, needed, hard] = [parseQuantity(used), parseQuantity(needs), parseQuantity(limit)];
  if (rule === undefined || taken === undefined || needed === undefined || hard === undefined) {
    return undefined;
  }
  const { label, measure, freedByStop } = rule;
  return { label, measure, used: taken, needs: needed, hard, fits: false, freedByStop };
}

/** A bound on a single environment that it breaks. */
export interface BrokenLimit {
  readonly label: "cpu" | "memory" | "storage";
  readonly measure: Measure;
  readonly kind: "most" | "least";
  readonly bound: number;
  readonly needs: number;
}

/** Bounds of the project on each container, pod and disk that `need` breaks. */
export function brokenLimits(limits: readonly LimitView[], need: Need): readonly BrokenLimit[] {
  const found: BrokenLimit[] = [];
  for (const { type, resource, min, max } of limits) {
    const disk = type === "PersistentVolumeClaim";
    const label = disk ? "storage" : resource === "cpu" || resource === "memory" ? resource : undefined;
    if (label === undefined || (disk && (resource !== "storage" || need.disks === 0))) {
      continue;
    }
    const measure = label === "cpu" ? "cores" : "bytes";
    const most = { cpu: need.cpuLimit, memory: need.memoryLimit, storage: need.storage }[label];
    const least = { cpu: need.cpuRequest, memory: need.memoryRequest, storage: need.storage }[label];
    const [upper, lower] = [parseQuantity(max ?? ""), parseQuantity(min ?? "")];
    if (upper !== undefined && most > upper) {
      found.push({ label, measure, kind: "most", bound: upper, needs: most });
    }
    if (lower !== undefined && least < lower) {
      found.push({ label, measure, kind: "least", bound: lower, needs: least });
    }
  }
  return found.filter(
    ({ label, kind }, place) => found.findIndex((one) => one.label === label && one.kind === kind) === place,
  );
}
