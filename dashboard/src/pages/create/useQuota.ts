import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { client, take } from "../../api/client";
import type { NamespaceQuota, TemplateView } from "../../api/schema";
import { parseQuantity } from "../../model/quantities";
import { type BrokenLimit, brokenLimits, type Need, type QuotaLine, quotaLines } from "../../model/quota";
import { SIZES } from "../../model/sizes";
import type { Form } from "./form";

// The cluster counts anew a moment after a pod has gone.
const SHORT_MS = 3000;
const CALM_MS = 30_000;

export interface Quota {
  readonly state: "none" | "loading" | "unknown" | "known";
  readonly lines: readonly QuotaLine[];
  readonly broken: readonly BrokenLimit[];
  /** Whether nothing is against creating it now. */
  readonly fits: boolean;
  /** Whether the environment would fit with this much CPU and memory. */
  readonly fitsWith: (size: { readonly cpu: string; readonly memory: string }) => boolean;
}

/** What the project has left, and what the environment in the form would take of it. */
export function useQuota(form: Form, template: TemplateView | undefined): Quota {
  const { namespace } = form;
  const answer = useQuery({
    queryKey: ["quota", namespace],
    queryFn: ({ signal }) =>
      take(client.GET("/api/v1/namespaces/{namespace}/quota", { params: { path: { namespace } }, signal })),
    enabled: namespace !== "",
    refetchInterval: ({ state }) =>
      state.data !== undefined && isShort(state.data, form, template) ? SHORT_MS : CALM_MS,
  });
  return useMemo((): Quota => {
    const known = answer.data;
    const need = template === undefined ? undefined : needOf(form, template);
    const nothing = { lines: [], broken: [], fits: true, fitsWith: () => true };
    if (known === undefined || need === undefined || template === undefined) {
      return { ...nothing, state: answer.isError ? "unknown" : "loading" };
    }
    const lines = quotaLines(known, need);
    const broken = brokenLimits(known.limits, need);
    return {
      state: known.quotas.length + known.limits.length + known.own.length === 0 ? "none" : "known",
      lines,
      broken,
      fits: broken.length === 0 && lines.every(({ fits }) => fits),
      fitsWith: ({ cpu, memory }) => isFitting(known, needOf({ ...form, size: "own", cpu, memory }, template)),
    };
  }, [answer.data, answer.isError, form, template]);
}

function isFitting(quota: NamespaceQuota, need: Need): boolean {
  return brokenLimits(quota.limits, need).length === 0 && quotaLines(quota, need).every(({ fits }) => fits);
}

function isShort(quota: NamespaceQuota, form: Form, template: TemplateView | undefined): boolean {
  return template !== undefined && !isFitting(quota, needOf(form, template));
}

/** What the form's environment takes. Requests are the template's, and never above the limits. */
export function needOf(form: Form, template: TemplateView): Need {
  const named = SIZES.find(({ id }) => id === form.size);
  const own = form.size === "own";
  const cpuLimit = amount(named?.cpu ?? ((own && form.cpu) || template.cpu));
  const memoryLimit = amount(named?.memory ?? ((own && form.memory) || template.memory));
  const adopts = form.adopt.trim() !== "";
  return {
    cpuLimit,
    cpuRequest: Math.min(amount(template.cpuRequest), cpuLimit),
    memoryLimit,
    memoryRequest: Math.min(amount(template.memoryRequest), memoryLimit),
    storage: adopts ? 0 : amount(form.storage || template.storage),
    disks: adopts ? 0 : 1,
  };
}

/** What is no quantity yet, because somebody is typing, counts as nothing; the check by the server says so. */
function amount(text: string): number {
  return parseQuantity(text) ?? 0;
}
