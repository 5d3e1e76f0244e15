import { useTexts } from "../../../i18n";
import { Textarea, TextInput } from "../../../ui/kit";
import type { FieldsProps } from "./fields";
import styles from "./Settings.module.css";

/** How people call it. */
export function NameFields({ draft, change, problems, name }: FieldsProps & { readonly name: string }) {
  const { t } = useTexts();
  return (
    <section className={styles.group} aria-labelledby="settings-names">
      <h2 id="settings-names" className={styles.heading}>
        {t("settings.names")}
      </h2>
      <div className={styles.pair}>
        <div data-field="displayName">
          <TextInput
            label={t("settings.field.displayName")}
            description={t("create.name-hint")}
            placeholder={name}
            maxLength={64}
            value={draft.displayName}
            error={problems.displayName}
            onChange={(event) => change({ displayName: event.currentTarget.value })}
          />
        </div>
        <div data-field="description">
          <Textarea
            label={t("settings.field.description")}
            description={t("settings.description-hint")}
            rows={2}
            maxLength={1024}
            value={draft.description}
            error={problems.description}
            onChange={(event) => change({ description: event.currentTarget.value })}
          />
        </div>
      </div>
    </section>
  );
}
