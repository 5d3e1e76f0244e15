import { useState } from "react";
import { useTexts } from "../../../i18n";
import { formatLength, parseDuration } from "../../../model/durations";
import { Checkbox, NativeSelect, TextInput } from "../../../ui/kit";
import type { FieldsProps } from "./fields";
import { isLonger } from "./form";
import styles from "./Settings.module.css";

const IDLE = ["15m", "30m", "1h", "3h", "8h"] as const;
const RUN = ["4h", "8h", "12h", "24h"] as const;
const OTHER = "other";

/** When it stops by itself, and what becomes of its disk. These hold at once. */
export function LifecycleFields({ draft, change, problems, template }: FieldsProps) {
  const { t } = useTexts();
  return (
    <section className={styles.group} aria-labelledby="settings-lifecycle">
      <h2 id="settings-lifecycle" className={styles.heading}>
        {t("settings.lifecycle")}
      </h2>
      <p className={styles.hint}>{t("settings.at-once")}</p>
      <div className={styles.pair}>
        <LengthField
          field="idleTimeout"
          presets={IDLE}
          longest={template?.idleTimeout ?? null}
          value={draft.idleTimeout}
          problem={problems.idleTimeout}
          onChange={(idleTimeout) => change({ idleTimeout })}
        />
        <LengthField
          field="maxRunDuration"
          presets={RUN}
          longest={template?.maxRunDuration ?? null}
          value={draft.maxRunDuration}
          problem={problems.maxRunDuration}
          onChange={(maxRunDuration) => change({ maxRunDuration })}
        />
        <div data-field="dataPolicy">
          <NativeSelect
            label={t("create.disk-policy")}
            description={t(draft.dataPolicy === "Delete" ? "delete.remove-hint" : "delete.keep-many")}
            value={draft.dataPolicy}
            error={problems.dataPolicy}
            onChange={(event) => change({ dataPolicy: event.currentTarget.value === "Delete" ? "Delete" : "Retain" })}
            data={(["Retain", "Delete"] as const).map((policy) => ({
              value: policy,
              label: t(`create.policy.${policy}`),
            }))}
          />
        </div>
        <div data-field="paused" className={styles.check}>
          <Checkbox
            label={t("settings.field.paused")}
            description={t("settings.paused-hint")}
            checked={draft.paused}
            onChange={(event) => change({ paused: event.currentTarget.checked })}
          />
        </div>
      </div>
    </section>
  );
}

interface LengthFieldProps {
  readonly field: "idleTimeout" | "maxRunDuration";
  readonly presets: readonly string[];
  /** The template's, which can be shortened and never exceeded; null: never. */
  readonly longest: string | null;
  readonly value: string;
  readonly problem: string | undefined;
  readonly onChange: (value: string) => void;
}

function LengthField({ field, presets, longest, value, problem, onChange }: LengthFieldProps) {
  const { t, tag } = useTexts();
  const [typing, setTyping] = useState(value !== "" && !presets.includes(value));
  const read = (length: string) => formatLength(parseDuration(length) ?? 0, tag);
  const other = typing || (value !== "" && !presets.includes(value));
  const choose = (choice: string) => {
    setTyping(choice === OTHER);
    if (choice !== OTHER) {
      onChange(choice);
    }
  };
  const data = [
    { value: "", label: t("settings.by-template", { length: longest === null ? t("settings.never") : read(longest) }) },
    ...presets.map((preset) => {
      const beyond = isLonger(parseDuration(preset) ?? 0, longest);
      const label = read(preset);
      return { value: preset, label: beyond ? t("settings.beyond", { length: label }) : label, disabled: beyond };
    }),
    { value: OTHER, label: t("settings.other-length") },
  ];
  return (
    <div data-field={field} className={styles.stack}>
      <NativeSelect
        label={t(`settings.field.${field}`)}
        description={t(`settings.hint.${field}`)}
        value={other ? OTHER : value}
        error={other ? undefined : problem}
        onChange={(event) => choose(event.currentTarget.value)}
        data={data}
      />
      {other && (
        <TextInput
          label={t("settings.length", { field: t(`settings.field.${field}`) })}
          description={t("settings.length-hint")}
          spellCheck={false}
          value={value}
          error={problem}
          onChange={(event) => {
            setTyping(true);
            onChange(event.currentTarget.value);
          }}
        />
      )}
    </div>
  );
}
