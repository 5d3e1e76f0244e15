import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { noteTemplate, readTemplate } from "../../api/catalogue";
import { ApiError, isStale } from "../../api/client";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { API_VERSION, draftOf, KIND, lineOf } from "../../model/manifest";
import { titleOf } from "../../model/templates";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import { pageTo } from "../../ui/pageTo";
import { fieldOf } from "./fields";
import { type Base, useDraft, writeDraft } from "./useDraft";
import { findingsOf, useTemplateCheck } from "./useTemplateCheck";

/** Something that stands against saving, at its field and its line. */
export interface Problem {
  /** The form's field; empty where it has none. */
  readonly field: string;
  readonly line: number;
  readonly message: string;
}

/** The way from a draft to a template of the cluster. */
export function useEditor(initial: Base) {
  const { t, tag } = useTexts();
  const { tell, announce } = useNotices();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [query, setQuery] = useSearchParams();
  const [base, setBase] = useState(initial);
  const state = useDraft(initial);
  const check = useTemplateCheck(state.draft, base);
  const [saving, setSaving] = useState(false);
  const done = useRef(false);

  const write = useMutation({
    mutationFn: () => writeDraft(state.draft, base, { dryRun: false }),
    onSuccess: async (written) => {
      done.current = true;
      noteTemplate(queries, written);
      tell({ tone: "done", text: t("editor.saved", { name: titleOf(written, tag) }) });
      await navigate(pageTo("/templates"));
    },
    onError: (error) => {
      if (isStale(error)) {
        setSaving(false);
      }
    },
  });
  // What was said about another text than this one is no longer true.
  const [refusedText, setRefusedText] = useState("");
  const refusal = write.error !== null && refusedText === state.text ? write.error : null;

  const findings = useMemo((): readonly Problem[] => {
    const { draft, text } = state;
    if (draft.mistakes.length > 0) {
      return draft.mistakes.map(({ line, message }) => ({ field: "", line, message }));
    }
    const shape = draft.isTemplate
      ? []
      : [{ field: "kind", message: t("editor.not-a-template", { version: API_VERSION, kind: KIND }) }];
    const said = refusal instanceof ApiError && refusal.status === 422 ? findingsOf(refusal) : check.findings;
    return [...shape, ...said].map(({ field, message }) => ({
      field: fieldOf(field) ?? "",
      line: lineOf(text, field),
      message: fieldOf(field) === undefined && field !== "" && field !== "kind" ? `${field}: ${message}` : message,
    }));
  }, [state, check.findings, refusal, t]);

  const rebase = useMutation({
    mutationFn: async (keep: boolean) => ({ current: draftOf(await readTemplate(base.name)), keep }),
    onSuccess: ({ current, keep }) => {
      write.reset();
      setBase(current);
      if (!keep) {
        state.setText(current.text);
      } else {
        setSaving(true);
      }
    },
    onError: (error) => tell({ tone: "failed", text: explain(error, t) }),
  });

  /** Returns what must be corrected first. */
  const submit = (): Problem | undefined => {
    if (findings.length > 0) {
      announce(t("create.problems", { count: findings.length }));
    } else if (base.version === "") {
      save();
    } else {
      setSaving(true);
    }
    return findings[0];
  };
  const save = () => {
    setRefusedText(state.text);
    write.mutate();
  };

  return {
    base,
    state,
    check,
    findings,
    refusal: isStale(refusal) ? null : refusal,
    outdated: base.version !== "" && (check.outdated || isStale(refusal)),
    view: query.get("view") === "yaml" ? ("yaml" as const) : ("form" as const),
    setView: (view: "form" | "yaml") =>
      setQuery(
        (known) => {
          const next = new URLSearchParams(known);
          next.delete("view");
          if (view === "yaml") {
            next.set("view", view);
          }
          return next;
        },
        { replace: true },
      ),
    saving,
    setSaving,
    done,
    dirty: state.text !== base.text,
    pending: write.isPending,
    submit,
    save,
    conflictButtons: (
      <>
        <Button variant="default" loading={rebase.isPending} onClick={() => rebase.mutate(true)}>
          {t("editor.conflict-compare")}
        </Button>
        <Button variant="default" disabled={rebase.isPending} onClick={() => rebase.mutate(false)}>
          {t("editor.conflict-discard")}
        </Button>
      </>
    ),
  };
}

export type EditorState = ReturnType<typeof useEditor>;
