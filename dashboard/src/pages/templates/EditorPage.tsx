import { IconTemplate } from "@tabler/icons-react";
import { useRef } from "react";
import { useParams, useSearchParams } from "react-router";
import { ApiError } from "../../api/client";
import { useMe } from "../../api/queries";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Callout } from "../../ui/Callout";
import { Skeleton } from "../../ui/kit";
import { LeaveDialog } from "../../ui/LeaveDialog";
import { PageLink } from "../../ui/PageLink";
import { Failure, Loading, Message } from "../../ui/states";
import styles from "./EditorPage.module.css";
import { SaveDialog } from "./SaveDialog";
import { TemplateForm } from "./TemplateForm";
import { Trial } from "./Trial";
import { type Base, useBase } from "./useDraft";
import { useEditor } from "./useEditor";
import { Verdict } from "./Verdict";
import { goToLine, YamlField } from "./YamlField";

/** Creates a template, an empty one or the copy of one, or changes one. */
export function EditorPage() {
  const { t } = useTexts();
  const { name } = useParams();
  const [query] = useSearchParams();
  const me = useMe();
  const from = query.get("from");
  const base = useBase(name === undefined ? { from } : { edit: name });
  const may = name === undefined ? me.data?.templates.create : me.data?.templates.edit;
  const title = name === undefined ? t("editor.create") : t("editor.edit", { name });
  return (
    <>
      <PageLink to="/templates" className={styles.back}>
        {t("nav.templates")}
      </PageLink>
      <Banner icon={IconTemplate} title={title} description={t("editor.description")} />
      {may === false ? (
        <div className={styles.panel}>
          <Message title={t("editor.refused")} text={t("editor.refused-hint")} />
        </div>
      ) : base.error instanceof ApiError && base.error.status === 404 ? (
        <div className={styles.panel}>
          <Message title={t("missing.title")} text={t("editor.missing")} />
        </div>
      ) : base.isError || me.isError ? (
        <div className={styles.panel}>
          <Failure error={base.error ?? me.error} onRetry={() => Promise.all([base.refetch(), me.refetch()])} />
        </div>
      ) : base.data === undefined || may === undefined ? (
        <div className={styles.panel}>
          <Loading onRetry={() => base.refetch()}>
            <Skeleton height={320} m={20} animate={false} />
          </Loading>
        </div>
      ) : (
        <Editor
          key={base.data.version}
          initial={base.data}
          mayTry={me.data?.templates.create === true && me.data.features.includes("trials")}
        />
      )}
    </>
  );
}

interface EditorProps {
  readonly initial: Base;
  /** Whether this person may publish: a trial is a template, too. */
  readonly mayTry: boolean;
}

function Editor({ initial, mayTry }: EditorProps) {
  const { t } = useTexts();
  const editor = useEditor(initial);
  const { state, base, check, view, saving } = editor;
  const fields = useRef<HTMLDivElement>(null);
  const yaml = useRef<HTMLTextAreaElement>(null);
  // A text that cannot be read has no form.
  const readable = state.draft.mistakes.length === 0;
  const shown = readable ? view : "yaml";

  const goTo = (place: { field: string; line: number }) => {
    if (shown === "yaml") {
      goToLine(yaml.current, place.line);
    } else {
      focusField(fields.current, place.field);
    }
  };
  return (
    <form
      className={styles.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const wrong = editor.submit();
        if (wrong !== undefined) {
          goTo(wrong);
        }
      }}
      onKeyDown={(event) => {
        // A key that people press to finish a field writes nothing to the cluster.
        if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
          event.preventDefault();
        }
      }}
    >
      <div className={styles.fields} ref={fields}>
        <ViewSwitch view={shown} readable={readable} onChange={editor.setView} />
        {editor.outdated && (
          <Callout tone="warning" title={t("editor.conflict")}>
            <p className={styles.line}>{t("editor.conflict-hint")}</p>
            <div className={styles.choices}>{editor.conflictButtons}</div>
          </Callout>
        )}
        {state.draft.ignored.length > 0 && (
          <Callout tone="warning">{t("editor.ignored", { parts: state.draft.ignored.join(", ") })}</Callout>
        )}
        {shown === "form" ? (
          <TemplateForm state={state} problems={check.problems} named={base.version !== ""} />
        ) : (
          <YamlField text={state.text} invalid={editor.findings.length > 0} place={yaml} onChange={state.setText} />
        )}
        {mayTry && <Trial editor={editor} onGo={goTo} />}
      </div>
      <Verdict editor={editor} showLines={shown === "yaml"} onGo={goTo} />
      <SaveDialog editor={editor} opened={saving} use={check.preview?.use ?? null} />
      <LeaveDialog unsaved={editor.dirty} text={t("editor.leave-text")} saved={editor.done} />
    </form>
  );
}

interface ViewSwitchProps {
  readonly view: "form" | "yaml";
  readonly readable: boolean;
  readonly onChange: (view: "form" | "yaml") => void;
}

function ViewSwitch({ view, readable, onChange }: ViewSwitchProps) {
  const { t } = useTexts();
  return (
    <fieldset className={styles.views} aria-label={t("editor.view")}>
      {(["form", "yaml"] as const).map((choice) => (
        <button
          key={choice}
          type="button"
          className={styles.view}
          aria-pressed={view === choice}
          aria-disabled={choice === "form" && !readable}
          onClick={() => (choice === "yaml" || readable) && onChange(choice)}
        >
          {t(`editor.view.${choice}`)}
        </button>
      ))}
      {!readable && <span className={styles.hint}>{t("editor.unreadable")}</span>}
    </fieldset>
  );
}

function focusField(form: HTMLElement | null, field: string): void {
  const place = form?.querySelector(`[data-field="${CSS.escape(field)}"]`);
  place?.closest("details")?.setAttribute("open", "");
  place?.querySelector<HTMLElement>("input, select, textarea, button")?.focus();
}
