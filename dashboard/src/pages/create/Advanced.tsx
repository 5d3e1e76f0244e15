import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useTexts } from "../../i18n";
import { ActionIcon, Button, NativeSelect, TextInput } from "../../ui/kit";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import type { FormState } from "./useForm";

interface AdvancedProps {
  readonly state: FormState;
  readonly problems: Partial<Record<Field, string>>;
}

/** What the template decides well enough for most. */
export function Advanced({ state, problems }: AdvancedProps) {
  const { t } = useTexts();
  const { form, template, change } = state;
  if (template === undefined) {
    return null;
  }
  const storageHint =
    template.maxStorage === null ? t("create.storage-free") : t("create.storage-hint", { max: template.maxStorage });
  return (
    <details className={`${styles.section} ${styles.advanced}`}>
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
          <Variables state={state} problem={problems.variables} />
        ) : (
          <p className={styles.hint}>{t("create.variables-refused")}</p>
        )}
      </div>
    </details>
  );
}

function Variables({ state, problem }: { readonly state: FormState; readonly problem: string | undefined }) {
  const { t } = useTexts();
  const { variables } = state.form;
  const change = (index: number, part: { name?: string; value?: string }) =>
    state.change({ variables: variables.map((known, place) => (place === index ? { ...known, ...part } : known)) });
  return (
    <fieldset className={styles.fieldset} data-field="variables">
      <legend className={styles.legend}>{t("create.variables")}</legend>
      <div>
        {variables.map((variable, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity, and only their end changes
          <div key={index} className={styles.variable}>
            <TextInput
              aria-label={t("create.variable-name", { number: index + 1 })}
              placeholder="NAME"
              spellCheck={false}
              value={variable.name}
              onChange={(event) => change(index, { name: event.currentTarget.value })}
            />
            <TextInput
              aria-label={t("create.variable-value", { number: index + 1 })}
              spellCheck={false}
              value={variable.value ?? ""}
              onChange={(event) => change(index, { value: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size={34}
              aria-label={t("create.variable-remove", { number: index + 1 })}
              onClick={() => state.change({ variables: variables.filter((_, place) => place !== index) })}
            >
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => state.change({ variables: [...variables, { name: "", value: "" }] })}
        >
          {t("create.variable-add")}
        </Button>
        {problem !== undefined && (
          <p className={styles.problem} role="alert">
            {problem}
          </p>
        )}
      </div>
    </fieldset>
  );
}
