import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { readTemplate } from "../../api/catalogue";
import { draftOf, emptyDraft, type Path, readDraft, withValue } from "../../model/manifest";

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
