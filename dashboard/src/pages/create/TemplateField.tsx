import { useState } from "react";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { isFound, offeredInstead, titleOf } from "../../model/templates";
import { TextInput } from "../../ui/kit";
import { recall } from "../../ui/memory";
import { Failure, Message } from "../../ui/states";
import { SuccessorText } from "../templates/Successor";
import { TemplateFace } from "../templates/TemplateFace";
import styles from "./CreatePage.module.css";
import { type FormState, TEMPLATE_KEY } from "./useForm";

const SEARCH_FROM = 9;

interface TemplateFieldProps {
  readonly state: FormState;
  readonly problem: string | undefined;
}

/** The catalogue as a group of radio buttons: the one that was used last, then usable ones, deprecated ones last. */
export function TemplateField({ state, problem }: TemplateFieldProps) {
  const { t, tag } = useTexts();
  const title = (template: TemplateView) => titleOf(template, tag);
  const [text, setText] = useState("");
  const [last] = useState(() => recall(TEMPLATE_KEY));
  const { templates, form, choose } = state;
  if (templates.isError && templates.data === undefined) {
    return <Failure error={templates.error} onRetry={() => templates.refetch()} />;
  }
  const offered = (templates.data ?? []).filter(({ state }) => state !== "Hidden");
  const shown = offered
    .filter((template) => isFound(template, text))
    .sort((one, other) => rank(one, last) - rank(other, last) || title(one).localeCompare(title(other), tag));
  return (
    <fieldset className={`${styles.section} ${styles.fieldset}`} data-field="template" aria-busy={templates.isPending}>
      <legend className={styles.legend}>{t("create.template")}</legend>
      {templates.isSuccess && offered.length === 0 && (
        <Message title={t("create.no-template")} text={t("create.no-template-hint")} />
      )}
      {offered.length >= SEARCH_FROM && (
        <TextInput
          type="search"
          radius="xl"
          mb={12}
          aria-label={t("create.search")}
          placeholder={t("create.search")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      )}
      <div className={styles.cards}>
        {shown.map((template) => (
          <label key={template.name} className={styles.card}>
            <input
              type="radio"
              name="template"
              className={styles.cardRadio}
              value={template.name}
              checked={form.template === template.name}
              disabled={!template.usable}
              onChange={() => choose(template)}
            />
            <TemplateFace template={template}>
              {offeredInstead(template) !== undefined && (
                <span className={styles.sizeNumbers}>
                  <SuccessorText template={template} />
                </span>
              )}
              {!template.usable && (
                <span className={styles.sizeNumbers}>{t("create.unusable", { namespace: form.namespace })}</span>
              )}
            </TemplateFace>
          </label>
        ))}
      </div>
      {offered.length > 0 && shown.length === 0 && <p className={styles.hint}>{t("create.no-match")}</p>}
      {problem !== undefined && (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
    </fieldset>
  );
}

function rank(template: TemplateView, last: string | null): number {
  const plain = (template.usable ? 0 : 2) + (template.state === "Deprecated" ? 1 : 0);
  return plain === 0 && template.name === last ? -1 : plain;
}
