import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiError } from "../../api/client";
import { create } from "../../api/queries";
import { type Said, spread } from "../../api/refusals";
import { explain } from "../../environments/explain";
import { tellLine } from "../../environments/shortages";
import { type Translate, useTexts } from "../../i18n";
import { ADDRESS_LENGTH } from "../../model/addresses";
import { isOwn } from "../../model/quota";
import { useSettled } from "../../ui/useSettled";
import { type Field, type Form, findLocalProblems, makeRequest, placeOf } from "./form";
import type { Quota } from "./useQuota";

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
}

/** What is wrong with the form: its shape at once, the rest as the cluster says it, a moment after the last change. */
export function useCheck(form: Form, { taken, quota, offered }: Surroundings): Check {
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
  const problems: Partial<Record<Field, string>> = {};
  for (const [field, problem] of Object.entries(local) as [Field, keyof typeof SENTENCES][]) {
    problems[field] = t(SENTENCES[problem], { max: ADDRESS_LENGTH });
  }
  if (taken.has(form.address)) {
    problems.address = t("create.name-taken", { namespace: form.namespace });
  }
  if (!quota.fits) {
    const own = quota.broken.length === 0 && quota.lines.every((line) => line.fits || isOwn(line));
    const short = quota.lines.filter(({ fits }) => !fits).map((line) => tellLine(line, t));
    problems.quota = [
      own ? t("quota.own-problem") : t("quota.problem", { namespace: form.namespace }),
      short.join(t("quota.also")),
    ]
      .filter(Boolean)
      .join(" ");
  }
  if (!offered) {
    problems.template = t("create.template-unknown", { name: form.template });
  }
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

const SENTENCES = {
  required: "create.required",
  rule: "create.name-rule",
  long: "create.name-long",
  template: "create.choose-template",
} as const;

const NOTHING: Said<Field> = { problems: {}, general: undefined };

/** A refusal's sentences at their fields; a name that is taken belongs to its own. */
export function readRefusal(error: ApiError, t: Translate): Said<Field> {
  return error.status === 409
    ? { problems: { address: error.message }, general: undefined }
    : spread(error, placeOf, explain(error, t));
}
