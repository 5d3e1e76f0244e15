import { IconPlus } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { ApiError } from "../../api/client";
import type { EnvironmentView } from "../../api/schema";
import { embedded } from "../../base";
import { editorAddress } from "../../environments/editorAddress";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Callout } from "../../ui/Callout";
import { remember } from "../../ui/memory";
import { useNotices } from "../../ui/Notices";
import { PageLink } from "../../ui/PageLink";
import { pageTo } from "../../ui/pageTo";
import { Failure, Message } from "../../ui/states";
import { Advanced } from "./Advanced";
import styles from "./CreatePage.module.css";
import { FIELDS } from "./form";
import { GitField, LinkedRepository } from "./GitField";
import { NameFields } from "./NameFields";
import { SizeField } from "./SizeField";
import { SuccessorOffer } from "./SuccessorOffer";
import { Summary } from "./Summary";
import { TemplateField } from "./TemplateField";
import { type Check, readRefusal, useCheck } from "./useCheck";
import { useCreate } from "./useCreate";
import { PROJECT_KEY, TEMPLATE_KEY, useForm } from "./useForm";
import { useQuota } from "./useQuota";

/** One page on which a click on a template is enough. */
export function CreatePage() {
  const { t } = useTexts();
  const state = useForm();
  const quota = useQuota(state.form, state.template);
  const unknown = state.form.template !== "" && state.templates.isSuccess && state.template === undefined;
  const { taken, template, trust } = state;
  const check = useCheck(state.form, { taken, quota, offered: !unknown, template, trust });
  const { problems, submit, pending, general } = useSubmit(state, check);
  const form = useRef<HTMLFormElement>(null);

  if (state.namespaces.isError && state.namespaces.data === undefined) {
    return <Failure error={state.namespaces.error} onRetry={() => state.namespaces.refetch()} />;
  }
  const homeless = state.namespaces.data?.length === 0;
  return (
    <>
      <PageLink to="/envs" className={styles.back}>
        {t("detail.back")}
      </PageLink>
      <Banner icon={IconPlus} title={t("create.title")} description={t("create.description")} />
      {homeless ? (
        <div className={styles.panel}>
          <Message title={t("create.no-project")} text={t("create.no-project-hint")} />
        </div>
      ) : (
        <form
          ref={form}
          className={styles.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            submit(form.current, "open");
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              // A form that a link has filled in waits for a person.
              if (state.touched || !state.fromLink) {
                submit(form.current, "open");
              }
            } else if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
              // Nothing is created by a key that people press to finish a field.
              event.preventDefault();
            }
          }}
        >
          <div className={styles.fields}>
            {state.fromLink && (
              <Callout title={t("create.prefilled")} tone="warning">
                {t("create.prefilled-hint")}
                {trust.host !== "" && <LinkedRepository state={state} />}
                {state.ignored.length > 0 && <p>{t("create.ignored", { keys: state.ignored.join(", ") })}</p>}
              </Callout>
            )}
            {state.form.adopt !== "" && (
              <Callout tone="plain" title={t("create.adopting", { volume: state.form.adopt })}>
                {t("create.adopting-hint")}
              </Callout>
            )}
            <SuccessorOffer state={state} />
            <TemplateField state={state} problem={problems.template} />
            <NameFields state={state} problems={problems} />
            <SizeField state={state} quota={quota} problems={problems} />
            <GitField state={state} problems={problems} />
            <Advanced state={state} problems={problems} />
          </div>
          <Summary
            state={state}
            check={check}
            problems={problems}
            general={general}
            pending={pending}
            onCreateOnly={() => submit(form.current, "stay")}
          />
        </form>
      )}
    </>
  );
}

/** What was asked for before it could be done. */
interface Wish {
  readonly form: HTMLFormElement | null;
  readonly way: "open" | "stay";
}

/** The way from the form to an environment; the server's refusals come back to their fields. */
function useSubmit(state: ReturnType<typeof useForm>, check: Check) {
  const { t } = useTexts();
  const { tell, announce } = useNotices();
  const navigate = useNavigate();
  const create = useCreate();
  const [tried, setTried] = useState(false);
  const [wish, setWish] = useState<Wish | null>(null);
  const refused =
    create.error instanceof ApiError && create.variables === state.form ? readRefusal(create.error, t) : undefined;
  const all = { ...refused?.problems, ...check.problems };
  // Nobody is told off for a field that they have not come to yet.
  const told = tried || state.form.template !== "";
  const problems = told ? all : Object.fromEntries(Object.entries(all).filter(([field]) => field !== "template"));

  const finish = (made: EnvironmentView, way: Wish["way"], tab: Window | null) => {
    remember(PROJECT_KEY, made.namespace);
    remember(TEMPLATE_KEY, made.template);
    const editor = editorAddress(made);
    if (way === "open" && !embedded) {
      location.assign(editor);
      return;
    }
    if (tab !== null) {
      tab.location.replace(editor);
    }
    tell({ tone: "done", text: t("create.done", { name: made.displayName }) });
    void navigate(pageTo(way === "open" && tab === null ? `/envs/${made.namespace}/${made.name}` : "/envs"));
  };

  const submit = (form: HTMLFormElement | null, way: Wish["way"]) => {
    if (create.isPending) {
      return;
    }
    setTried(true);
    if (state.namespaces.isPending) {
      // Whoever is quicker than the list of projects has done nothing wrong.
      setWish({ form, way });
      return;
    }
    const wrong = FIELDS.find((field) => all[field] !== undefined);
    if (wrong !== undefined) {
      announce(t("create.problems", { count: Object.keys(all).length }));
      focusField(form, wrong);
      return;
    }
    // In a frame the editor gets a tab of its own, which the browser lets open only inside of the click.
    const tab = embedded && way === "open" ? window.open("about:blank", "_blank") : null;
    create.mutate(state.form, {
      onSuccess: (made) => finish(made, way, tab),
      onError: (error) => {
        tab?.close();
        tell({ tone: "failed", text: explain(error, t) });
      },
    });
  };
  const { data: projects, isError } = state.namespaces;
  // The form takes one of them in the round after they have come.
  const ready = isError || projects?.length === 0 || projects?.some(({ name }) => name === state.form.namespace);
  useEffect(() => {
    if (wish !== null && ready) {
      setWish(null);
      submit(wish.form, wish.way);
    }
  });
  return { problems, submit, pending: create.isPending || wish !== null, general: refused?.general ?? check.general };
}

function focusField(form: HTMLFormElement | null, field: string): void {
  const place = form?.querySelector(`[data-field="${field}"]`);
  place?.closest("details")?.setAttribute("open", "");
  const control = place?.querySelector<HTMLElement>("input, select, button, textarea");
  (control ?? (place instanceof HTMLElement ? place : undefined))?.focus();
}
