import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { ApiError } from "../../api/client";
import { create } from "../../api/queries";
import { useTexts } from "../../i18n";
import { ADDRESS_LENGTH } from "../../model/addresses";
import { type Field, type Form, findLocalProblems, makeRequest, placeOf } from "./form";
import type { Quota } from "./useQuota";

const PAUSE_MS = 400;

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
    problems.quota = t("quota.problem", { namespace: form.namespace });
  }
  if (!offered) {
    problems.template = t("create.template-unknown", { name: form.template });
  }
  if (settled !== form || !ready) {
    return { problems, general: undefined, state: Object.keys(local).length > 0 ? "idle" : "checking" };
  }
  const said = dryRun.error instanceof ApiError ? spread(dryRun.error) : NOTHING;
  const all = { ...said.problems, ...problems };
  if (dryRun.isFetching) {
    return { problems: all, general: said.general, state: "checking" };
  }
  if (dryRun.error instanceof ApiError && (dryRun.error.status === 0 || dryRun.error.status >= 500)) {
    return { problems, general: undefined, state: "unknown" };
  }
  const refused = dryRun.isError || Object.keys(all).length > 0;
  return {
    problems: all,
    general: said.general,
    state: refused ? "refused" : dryRun.isSuccess ? "accepted" : "checking",
  };
}

const SENTENCES = {
  required: "create.required",
  rule: "create.name-rule",
  long: "create.name-long",
  template: "create.choose-template",
} as const;

interface Said {
  readonly problems: Partial<Record<Field, string>>;
  readonly general: string | undefined;
}

const NOTHING: Said = { problems: {}, general: undefined };

/** An answer's sentences at their fields; one without a field is about all of it. */
export function spread(error: ApiError): Said {
  const problems: Partial<Record<Field, string>> = {};
  let placed = 0;
  for (const item of error.fields) {
    const field = placeOf(item);
    if (field !== undefined) {
      problems[field] = problems[field] === undefined ? item.message : `${problems[field]} ${item.message}`;
      placed += 1;
    }
  }
  if (error.status === 409) {
    return { problems: { address: error.message }, general: undefined };
  }
  const complete = error.fields.length > 0 && placed === error.fields.length;
  return { problems, general: complete ? undefined : error.message };
}

/** The form as it was when nothing had changed for a moment. */
function useSettled(form: Form): Form {
  const [settled, setSettled] = useState(form);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(form), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [form]);
  return settled;
}
