import { type FormEvent, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { ApiError } from "../../../api/client";
import { spread } from "../../../api/refusals";
import type { EnvironmentView, TemplateView } from "../../../api/schema";
import { useTemplate } from "../../../api/settings";
import { explain } from "../../../environments/explain";
import { type Translate, useTexts } from "../../../i18n";
import { Callout } from "../../../ui/Callout";
import { Button, Skeleton } from "../../../ui/kit";
import { LeaveDialog } from "../../../ui/LeaveDialog";
import { useNotices } from "../../../ui/Notices";
import { Failure, Loading } from "../../../ui/states";
import { FIELDS, type Field, findProblems, type Problem, patchOf, placeOf, sizeBeside } from "./form";
import { HoursFields } from "./HoursFields";
import { LifecycleFields } from "./LifecycleFields";
import { NameFields } from "./NameFields";
import { ResourceFields } from "./ResourceFields";
import styles from "./Settings.module.css";
import { ChangedMeanwhile, useDraft, useEditCheck, useSave } from "./useSettings";

/** What can be changed about an environment. Saving never restarts it; what waits for a restart says so. */
export function Settings({ environment }: { readonly environment: EnvironmentView }) {
  const template = useTemplate(environment.template);
  if (template.isError) {
    return <Failure error={template.error} onRetry={() => template.refetch()} />;
  }
  if (template.data === undefined) {
    return (
      <Loading onRetry={() => template.refetch()}>
        <Skeleton height={320} animate={false} />
      </Loading>
    );
  }
  return <Form environment={environment} template={template.data} />;
}

interface FormProps {
  readonly environment: EnvironmentView;
  /** null: it is gone, and nobody knows its bounds. */
  readonly template: TemplateView | null;
}

function Form({ environment, template }: FormProps) {
  const { t } = useTexts();
  const { tell, announce } = useNotices();
  const form = useRef<HTMLFormElement>(null);
  const state = useDraft(environment);
  const { base, draft, dirty, moved } = state;
  useProposedSize(environment, template, state.change);

  const local = findProblems(draft, { base, template, environment });
  const patch = patchOf(base, draft);
  const check = useEditCheck(environment, patch, Object.keys(local).length === 0 && moved.length === 0);
  const save = useSave(environment, base);
  const refused =
    save.error instanceof ApiError && JSON.stringify(save.variables) === JSON.stringify(patch)
      ? spread(save.error, placeOf, explain(save.error, t))
      : undefined;
  const problems = { ...refused?.problems, ...check.said.problems, ...wordsOf(local, t) };
  const general = refused?.general ?? check.said.general;
  const obstacle = environment.allowed.edit?.allowed === false ? environment.allowed.edit.obstacle : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (save.isPending || dirty.length === 0 || moved.length > 0) {
      return;
    }
    const wrong = FIELDS.find((field) => problems[field] !== undefined);
    if (wrong !== undefined) {
      announce(t("create.problems", { count: Object.keys(problems).length }));
      form.current?.querySelector<HTMLElement>(`[data-field="${wrong}"] :is(input, select, textarea)`)?.focus();
      return;
    }
    save.mutate(patch, {
      onSuccess: (saved) => {
        state.settle(saved);
        tell({ tone: "done", text: t("settings.saved") });
      },
      onError: (error) => {
        if (!(error instanceof ChangedMeanwhile)) {
          tell({ tone: "failed", text: explain(error, t) });
        }
      },
    });
  };
  const fields = { draft, change: state.change, problems, template };
  return (
    <form ref={form} className={styles.form} noValidate onSubmit={submit}>
      {obstacle !== null && (
        <Callout tone="plain">
          {obstacle === "right" ? t("refused.manage") : t("refused.phase", { phase: t(`phase.${environment.phase}`) })}
        </Callout>
      )}
      {template === null && <Callout tone="warning">{t("settings.no-template")}</Callout>}
      {moved.length > 0 && (
        <Callout tone="warning" title={t("settings.moved")}>
          <p className={styles.line}>{t("settings.moved-hint", { fields: listOf(moved, t) })}</p>
          <Button variant="default" size="compact-sm" onClick={state.catchUp}>
            {t("settings.catch-up")}
          </Button>
        </Callout>
      )}
      <fieldset className={styles.all} disabled={obstacle !== null || save.isPending}>
        <NameFields {...fields} name={environment.name} />
        <ResourceFields {...fields} environment={environment} />
        <LifecycleFields {...fields} />
        <HoursFields {...fields} />
      </fieldset>
      {dirty.length > 0 && (
        <div className={styles.bar} data-actions="always">
          <div aria-live="polite" className={styles.verdict}>
            <span>{t("settings.changes", { count: dirty.length, fields: listOf(dirty, t) })}</span>{" "}
            {check.state === "checking" && t("create.checking")}
            {check.state === "unknown" && t("settings.unchecked")}
            {general !== undefined && <span className={styles.problem}>{general}</span>}
          </div>
          <Button variant="default" disabled={save.isPending} onClick={state.discard}>
            {t("settings.discard")}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t("settings.save")}
          </Button>
        </div>
      )}
      <LeaveDialog unsaved={dirty.length > 0} text={t("settings.leave-hint")} />
    </form>
  );
}

function listOf(fields: readonly Field[], t: Translate): string {
  return fields.map((field) => t(`settings.field.${field}`)).join(", ");
}

function wordsOf(problems: Partial<Record<Field, Problem>>, t: Translate): Partial<Record<Field, string>> {
  return Object.fromEntries(
    Object.entries(problems).map(([field, problem]) => [
      field,
      t(`settings.problem.${problem.kind}`, { bound: "bound" in problem ? problem.bound : "" }),
    ]),
  );
}

/** A link from a failure proposes another size; it is only filled in. */
function useProposedSize(
  environment: EnvironmentView,
  template: TemplateView | null,
  change: ReturnType<typeof useDraft>["change"],
): void {
  const [query] = useSearchParams();
  const [way] = useState(() => query.get("size"));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the form opens
  useEffect(() => {
    if ((way === "larger" || way === "smaller") && template !== null) {
      const size = sizeBeside(template, environment.memory, way);
      if (size !== undefined) {
        change({ size });
      }
    }
  }, []);
}
