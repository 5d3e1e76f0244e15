import type { MonthView, UsageRow } from "../api/schema";

export const GROUPINGS = ["owner", "namespace", "environment"] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** The largest first: by hours with a pod, then by what the disk took. */
export function largestFirst(rows: readonly UsageRow[]): UsageRow[] {
  return [...rows].sort(
    ({ usage: one }, { usage: other }) =>
      other.runningHours - one.runningHours || other.storageGibHours - one.storageGibHours,
  );
}

/** Hours as people read them; below ten with a decimal. */
export function formatHours(hours: number, tag: string): string {
  return new Intl.NumberFormat(tag, { maximumFractionDigits: hours < 10 ? 1 : 0 }).format(hours);
}

/** Money as people write it; the currency is the admin's. */
export function formatCost(cost: number, currency: string, tag: string): string {
  return new Intl.NumberFormat(tag, { style: "currency", currency }).format(cost);
}

/** The values of the sentence about a month. */
export function monthValues(usage: MonthView, tag: string): Record<"running" | "cpu" | "memory" | "storage", string> {
  return {
    running: formatHours(usage.runningHours, tag),
    cpu: formatHours(usage.cpuHours, tag),
    memory: formatHours(usage.memoryGibHours, tag),
    storage: formatHours(usage.storageGibHours, tag),
  };
}
