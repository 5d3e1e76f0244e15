import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiError } from "../../api/client";
import { create } from "../../api/queries";
import { type Said, spread } from "../../api/refusals";
import type { TemplateView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { tellLine } from "../../environments/shortages";
import { type Translate, useTexts } from "../../i18n";
import { ADDRESS_LENGTH } from "../../model/addresses";
import { isHostAllowed, readRepository } from "../../model/git";
import { isOwn } from "../../model/quota";
import { useSettled } from "../../ui/useSettled";
import { type Field, type Form, findLocalProblems, makeRequest, placeOf } from "./form";
import type { Quota } from "./useQuota";
import type { Trust } from "./useTrust";

export interface Check {
  /** Sentences by field. */
  readonly problems: Partial<Record<Field, string>>;
  /** What the cluster has against it that belongs to no field. */
  readonly general: string | undefined;
  readonly state: "idle" | "checking" | "accepted" | "refused" | "unknown";
}

/** What is known without asking the cluster about this very form. `offered` says whether there is such a template. */
interface Surroundings {
  readonly taken: ReadonlySet<string>;
  readonly quota: Quota;
  readonly offered: boolean;
  readonly template: TemplateView | undefined;
  readonly trust: Trust;
}

/** What is wrong with the form: its shape at once, the rest as the cluster says it, a moment after the last change. */
export function useCheck(form: Form, around: Surroundings): Check {
  const { t } = useTexts();
  const local = useMemo(() => findLocalProblems(form), [form]);
  const settled = useSettled(form);
  const ready = Object.keys(findLocalProblems(settled)).length === 0;
  const dryRun = useQuery({
    queryKey: ["dry-run", settled],
    queryFn: ({ signal }) => create(settled.namespace, makeRequest(settled), { dryRun: true, signal }),
    enabled: ready,
    retry: false,
    gcTime: 0,
  });
  const problems = tellProblems(form, { local, ...around }, t);
  if (settled !== form || !ready) {
    return { problems, general: undefined, state: Object.keys(local).length > 0 ? "idle" : "checking" };
  }
  const said = dryRun.error instanceof ApiError ? readRefusal(dryRun.error, t) : NOTHING;
  const all = { ...said.problems, ...problems };
  // The form's own count is newer than the answer, and has its place beside what can be stopped.
  const counted = problems.quota !== undefined && dryRun.error instanceof ApiError && dryRun.error.shortages.length > 0;
  const general = counted ? undefined : said.general;
  if (dryRun.isFetching) {
    return { problems: all, general, state: "checking" };
  }
  if (dryRun.error instanceof ApiError && (dryRun.error.status === 0 || dryRun.error.status >= 500)) {
    return { problems, general: undefined, state: "unknown" };
  }
  const refused = dryRun.isError || Object.keys(all).length > 0;
  return {
    problems: all,
    general,
    state: refused ? "refused" : dryRun.isSuccess ? "accepted" : "checking",
  };
}

interface Known extends Surroundings {
  readonly local: ReturnType<typeof findLocalProblems>;
}

/** What is against the form without asking the cluster. */
function tellProblems(form: Form, known: Known, t: Translate): Partial<Record<Field, string>> {
  const { local, taken, quota, offered } = known;
  const problems: Partial<Record<Field, string>> = {};
  for (const [field, problem] of Object.entries(local) as [Field, keyof typeof SENTENCES][]) {
    problems[field] = t(SENTENCES[problem], { max: ADDRESS_LENGTH });
  }
  if (taken.has(form.address)) {
    problems.address = t("create.name-taken", { namespace: form.namespace });
  }
  if (!quota.fits) {
    problems.quota = tellQuota(quota, form.namespace, t);
  }
  if (!offered) {
    problems.template = t("create.template-unknown", { name: form.template });
  }
  return { ...problems, ...tellRepository(form, known, t) };
}

function tellQuota(quota: Quota, namespace: string, t: Translate): string {
  const own = quota.broken.length === 0 && quota.lines.every((line) => line.fits || isOwn(line));
  const short = quota.lines.filter(({ fits }) => !fits).map((line) => tellLine(line, t));
  return [own ? t("quota.own-problem") : t("quota.problem", { namespace }), short.join(t("quota.also"))]
    .filter(Boolean)
    .join(" ");
}

/** A host that the template does not take, or one that nobody vouches for yet. */
function tellRepository(form: Form, { template, trust }: Known, t: Translate): Partial<Record<Field, string>> {
  const hosts = template?.gitHosts ?? null;
  const place = readRepository(form.repository.trim());
  if (place !== undefined && !isHostAllowed(place.hostName, hosts)) {
    return { repository: t("create.repository-refused", { host: place.host, hosts: (hosts ?? []).join(", ") }) };
  }
  return trust.isNeeded && !trust.isGiven ? { trust: t("create.trust-first", { host: trust.host }) } : {};
}

const SENTENCES = {
  required: "create.required",
  rule: "create.name-rule",
  long: "create.name-long",
  template: "create.choose-template",
  repository: "create.repository-rule",
  credentials: "create.repository-credentials",
  branch: "create.branch-rule",
} as const;

const NOTHING: Said<Field> = { problems: {}, general: undefined };

/** A refusal's sentences at their fields; a name that is taken belongs to its own. */
export function readRefusal(error: ApiError, t: Translate): Said<Field> {
  return error.status === 409
    ? { problems: { address: error.message }, general: undefined }
    : spread(error, placeOf, explain(error, t));
}
