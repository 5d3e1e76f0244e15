import { IconRefresh } from "@tabler/icons-react";
import { useTexts } from "../../i18n";
import { ActionIcon, NativeSelect, TextInput, Tooltip } from "../../ui/kit";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import type { FormState } from "./useForm";

interface NameFieldsProps {
  readonly state: FormState;
  readonly problems: Partial<Record<Field, string>>;
}

export function NameFields({ state, problems }: NameFieldsProps) {
  const { t } = useTexts();
  const { form, namespaces } = state;
  // Before a template is chosen there is nothing to suggest and nothing to complain about.
  const addressProblem = form.template === "" && form.address === "" ? undefined : problems.address;
  return (
    <fieldset className={`${styles.section} ${styles.fieldset}`}>
      <legend className={styles.legend}>{t("create.names")}</legend>
      <div className={styles.pair}>
        <div data-field="displayName">
          <TextInput
            label={t("create.name")}
            description={t("create.name-hint")}
            placeholder={form.address}
            maxLength={64}
            value={form.displayName}
            error={problems.displayName}
            onChange={(event) => state.rename(event.currentTarget.value)}
          />
        </div>
        <div data-field="address" className={styles.addressRow}>
          <TextInput
            label={t("create.address")}
            description={t("create.address-hint")}
            value={form.address}
            error={addressProblem}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            onChange={(event) => state.setAddress(event.currentTarget.value)}
          />
          <Tooltip label={t("create.reroll")}>
            <ActionIcon
              variant="default"
              size={34}
              className={styles.reroll}
              aria-label={t("create.reroll")}
              onClick={state.reroll}
            >
              <IconRefresh size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </div>
        {(namespaces.data?.length ?? 0) > 1 && (
          <div data-field="namespace">
            <NativeSelect
              label={t("create.project")}
              value={form.namespace}
              error={problems.namespace}
              onChange={(event) => state.change({ namespace: event.currentTarget.value })}
              data={namespaces.data?.map(({ name }) => name) ?? []}
            />
          </div>
        )}
      </div>
    </fieldset>
  );
}
