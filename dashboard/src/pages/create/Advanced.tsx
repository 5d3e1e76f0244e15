import { useState } from "react";
import { Variables } from "../../environments/Variables";
import { useTexts } from "../../i18n";
import { NativeSelect, TextInput } from "../../ui/kit";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import { Preview } from "./Preview";
import type { FormState } from "./useForm";

interface AdvancedProps {
  readonly state: FormState;
  readonly problems: Partial<Record<Field, string>>;
}

/** What the template decides well enough for most. */
export function Advanced({ state, problems }: AdvancedProps) {
  const { t } = useTexts();
  const { form, template, change } = state;
  // What was filled in on another page is to be seen.
  const [open, setOpen] = useState(form.adopt !== "");
  if (template === undefined) {
    return null;
  }
  const storageHint =
    template.maxStorage === null ? t("create.storage-free") : t("create.storage-hint", { max: template.maxStorage });
  return (
    <details
      className={`${styles.section} ${styles.advanced}`}
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>{t("create.advanced")}</summary>
      <div className={styles.stack}>
        <div className={styles.pair}>
          <div data-field="storage">
            <TextInput
              label={t("create.storage")}
              description={storageHint}
              placeholder={template.storage}
              value={form.storage}
              error={problems.storage}
              onChange={(event) => change({ storage: event.currentTarget.value })}
            />
          </div>
          <NativeSelect
            label={t("create.disk-policy")}
            description={t(form.dataPolicy === "Delete" ? "delete.remove-hint" : "delete.keep-many")}
            value={form.dataPolicy}
            onChange={(event) => change({ dataPolicy: event.currentTarget.value === "Delete" ? "Delete" : "Retain" })}
            data={(["Retain", "Delete"] as const).map((policy) => ({
              value: policy,
              label: t(`create.policy.${policy}`),
            }))}
          />
          <div data-field="adopt">
            <TextInput
              label={t("create.adopt")}
              description={t("create.adopt-hint")}
              spellCheck={false}
              value={form.adopt}
              error={problems.adopt}
              onChange={(event) => change({ adopt: event.currentTarget.value })}
            />
          </div>
          {template.images.length > 0 && (
            <div data-field="image">
              <NativeSelect
                label={t("create.image")}
                value={form.image}
                error={problems.image}
                onChange={(event) => change({ image: event.currentTarget.value })}
                data={[{ value: "", label: t("create.image-default", { image: template.image }) }, ...template.images]}
              />
            </div>
          )}
        </div>
        {template.ownVariables ? (
          <Variables
            variables={form.variables}
            problem={problems.variables}
            onChange={(variables) => change({ variables })}
          />
        ) : (
          <p className={styles.hint}>{t("create.variables-refused")}</p>
        )}
        <Preview form={form} />
      </div>
    </details>
  );
}
