import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { readTemplate, rewriteTemplate, type WriteOptions, writeTemplate } from "../../api/catalogue";
import { ApiError } from "../../api/client";
import type { TemplateView } from "../../api/schema";
import { type Draft, draftOf, emptyDraft, type Path, readDraft, withValue } from "../../model/manifest";

/** What the editing began with; `version` is empty for a template that is not there yet. */
export interface Base {
  readonly text: string;
  readonly name: string;
  readonly version: string;
}

export type Source = { readonly edit: string } | { readonly from: string | null };

/** The template that is edited, the copy of one, or an empty one. */
export function useBase(source: Source) {
  const edited = "edit" in source ? source.edit : null;
  const name = "edit" in source ? source.edit : source.from;
  return useQuery({
    queryKey: ["template", name ?? "", edited === null ? "copy" : "edit"],
    queryFn: async ({ signal }): Promise<Base> => {
      if (name === null) {
        return { text: emptyDraft(), name: "", version: "" };
      }
      const found = draftOf(await readTemplate(name, signal));
      if (edited !== null) {
        return found;
      }
      return { text: withValue(found.text, ["metadata", "name"], `${name}-copy`.slice(-63)), name: "", version: "" };
    },
    // What somebody is editing is not replaced under their hands; a lost race shows when it is saved.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
}

/** Writes a draft over what its editing began with; refused as stale once somebody has changed that. */
export function writeDraft(
  { name, spec }: Pick<Draft, "name" | "spec">,
  base: Base,
  options: WriteOptions,
): Promise<TemplateView> {
  if (base.version === "") {
    return writeTemplate({ name, spec, version: "" }, options);
  }
  const make = (yaml: string) => {
    const current = draftOf(yaml);
    // The version alone says nothing: it moves on with the counts in the status, too.
    if (current.text !== base.text) {
      throw new ApiError(412, {});
    }
    return { spec, version: current.version };
  };
  return rewriteTemplate(name, make, options);
}

/** The text that is being edited, and what it says. */
export function useDraft(base: Base) {
  const [text, setText] = useState(base.text);
  const draft = useMemo(() => readDraft(text), [text]);
  // The same function always, so that fields which did not change are not drawn again.
  const change = useCallback((path: Path, value: unknown) => setText((known) => withValue(known, path, value)), []);
  return {
    text,
    draft,
    setText,
    change,
  };
}

export type DraftState = ReturnType<typeof useDraft>;
