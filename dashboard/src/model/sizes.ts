import type { TemplateView } from "../api/schema";
import { parseQuantity } from "./quantities";

export const SIZES = [
  { id: "small", cpu: "1", memory: "2Gi" },
  { id: "medium", cpu: "2", memory: "4Gi" },
  { id: "large", cpu: "4", memory: "8Gi" },
] as const;

export type Size = (typeof SIZES)[number]["id"] | "default" | "own";

/** The named sizes that the template allows. Where it sets no limit, the project's quota decides. */
export function sizesWithin(template: TemplateView): readonly (typeof SIZES)[number][] {
  return SIZES.filter(({ cpu, memory }) => isWithin(cpu, template.maxCpu) && isWithin(memory, template.maxMemory));
}

/** Whether a choice of size is one of the template's. */
export function isOffered(size: Size, template: TemplateView): boolean {
  return size === "default" || size === "own" || sizesWithin(template).some(({ id }) => id === size);
}

function isWithin(wanted: string, most: string | null): boolean {
  const limit = most === null ? undefined : parseQuantity(most);
  return limit === undefined || (parseQuantity(wanted) ?? Number.POSITIVE_INFINITY) <= limit;
}
