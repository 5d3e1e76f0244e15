import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { ApiError, isStale } from "../../api/client";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { type Draft, valueAt } from "../../model/manifest";
import { useSettled } from "../../ui/useSettled";
import { FIELDS, fieldOf, placeOf } from "./fields";
import { type Base, writeDraft } from "./useDraft";

/** Something that stands against the template; `field` as the cluster names it, empty if it is about all of it. */
export interface Finding {
  readonly field: string;
  readonly message: string;
}

export interface TemplateCheck {
  readonly findings: readonly Finding[];
  /** Sentences by the form's fields. */
  readonly problems: Readonly<Record<string, string>>;
  readonly state: "checking" | "accepted" | "refused" | "unknown";
  /** Somebody else has changed it since it was read. */
  readonly outdated: boolean;
  /** The template as the catalogue would show it; that of the last good state while the present one is refused. */
  readonly preview: TemplateView | undefined;
}

/** What is wrong with a draft: what is missing at once, the rest as the cluster says it, a moment after a change. */
export function useTemplateCheck(draft: Draft, base: Base): TemplateCheck {
  const { t } = useTexts();
  const missing = useMemo(() => findMissing(draft, base), [draft, base]);
  const settled = useSettled(draft);
  const ready = findMissing(settled, base).length === 0 && settled.mistakes.length === 0 && settled.isTemplate;
  const write = { name: settled.name, spec: settled.spec };
  const dryRun = useQuery({
    queryKey: ["template-check", write, base],
    queryFn: ({ signal }) => writeDraft(write, base, { dryRun: true, signal }),
    enabled: ready,
    retry: false,
    gcTime: 0,
  });
  const here = missing.map(({ field, text }) => ({ field, message: t(text) }));
  const [preview, setPreview] = useState<TemplateView>();
  useEffect(() => {
    if (dryRun.data !== undefined) {
      setPreview(dryRun.data);
    }
  }, [dryRun.data]);
  if (settled !== draft || !ready || dryRun.isFetching) {
    const state = here.length > 0 || draft.mistakes.length > 0 || !draft.isTemplate ? "refused" : "checking";
    return { findings: here, problems: byField(here), state, outdated: false, preview };
  }
  const said = dryRun.error instanceof ApiError ? dryRun.error : undefined;
  if (said === undefined) {
    return { findings: here, problems: byField(here), state: "accepted", outdated: false, preview };
  }
  if (said.status === 0 || said.status >= 500) {
    return { findings: here, problems: byField(here), state: "unknown", outdated: false, preview };
  }
  const outdated = isStale(said);
  const findings = outdated ? [] : findingsOf(said);
  return { findings, problems: byField(findings), state: "refused", outdated, preview };
}

/** What a refusal says, by fields; one sentence for all of it where it names none. */
export function findingsOf(error: ApiError): readonly Finding[] {
  if (error.status === 409) {
    return [{ field: "metadata.name", message: error.message }];
  }
  return error.fields.length > 0 ? error.fields : [{ field: "", message: error.message }];
}

function byField(findings: readonly Finding[]): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const { field, message } of findings) {
    const place = fieldOf(field);
    if (place !== undefined) {
      problems[place] = problems[place] === undefined ? message : `${problems[place]} ${message}`;
    }
  }
  return problems;
}

interface Missing {
  readonly field: string;
  readonly text: "create.required" | "editor.name-fixed";
}

function findMissing(draft: Draft, base: Base): readonly Missing[] {
  if (draft.mistakes.length > 0) {
    return [];
  }
  const found: Missing[] = [];
  if (draft.name === "") {
    found.push({ field: "metadata.name", text: "create.required" });
  } else if (base.version !== "" && draft.name !== base.name) {
    found.push({ field: "metadata.name", text: "editor.name-fixed" });
  }
  for (const field of FIELDS) {
    const value = valueAt(draft.spec, placeOf(field));
    if ("required" in field && (value === undefined || value === null || value === "")) {
      found.push({ field: `spec.${field.path}`, text: "create.required" });
    }
  }
  return found;
}
