import { useTexts } from "../../i18n";
import { type Size, sizesWithin } from "../../model/sizes";
import { TextInput } from "../../ui/kit";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import { QuotaPanel } from "./QuotaPanel";
import type { FormState } from "./useForm";
import type { Quota } from "./useQuota";

interface SizeFieldProps {
  readonly state: FormState;
  readonly quota: Quota;
  readonly problems: Partial<Record<Field, string>>;
}

/** How much CPU and memory: the template's default, a named size that it allows, or exact numbers. */
export function SizeField({ state, quota, problems }: SizeFieldProps) {
  const { t } = useTexts();
  const { form, template, change } = state;
  if (template === undefined) {
    return null;
  }
  const line = (cpu: string, memory: string) => t("create.size-short", { cpu, memory });
  const choices: readonly { id: Size; name: string; numbers: string; fits: boolean }[] = [
    {
      id: "default",
      name: t("create.size.default"),
      numbers: line(template.cpu, template.memory),
      fits: quota.fitsWith(template),
    },
    ...sizesWithin(template).map(({ id, cpu, memory }) => ({
      id,
      name: t(`create.size.${id}`),
      numbers: line(cpu, memory),
      fits: quota.fitsWith({ cpu, memory }),
    })),
    { id: "own", name: t("create.size.own"), numbers: limitLine(template.maxCpu, template.maxMemory), fits: true },
  ];
  function limitLine(cpu: string | null, memory: string | null): string {
    return cpu === null || memory === null ? "" : t("create.size-most", { cpu, memory });
  }
  return (
    <fieldset className={`${styles.section} ${styles.fieldset}`}>
      <legend className={styles.legend}>{t("create.size")}</legend>
      <div className={styles.sizes}>
        {choices.map(({ id, name, numbers, fits }) => (
          <label key={id} className={styles.card}>
            <input
              type="radio"
              name="size"
              className={styles.cardRadio}
              checked={form.size === id}
              onChange={() => change({ size: id })}
            />
            <span className={styles.sizeName}>{name}</span>
            <span className={styles.sizeNumbers}>{numbers}</span>
            {!fits && <span className={styles.over}>{t("quota.over")}</span>}
          </label>
        ))}
      </div>
      {form.size === "own" && (
        <div className={`${styles.pair} ${styles.stack}`}>
          <div data-field="cpu">
            <TextInput
              label={t("create.cpu")}
              description={t("create.cpu-hint")}
              placeholder={template.cpu}
              value={form.cpu}
              error={problems.cpu}
              onChange={(event) => change({ cpu: event.currentTarget.value })}
            />
          </div>
          <div data-field="memory">
            <TextInput
              label={t("create.memory")}
              description={t("create.memory-hint")}
              placeholder={template.memory}
              value={form.memory}
              error={problems.memory}
              onChange={(event) => change({ memory: event.currentTarget.value })}
            />
          </div>
        </div>
      )}
      {form.size !== "own" && (problems.cpu ?? problems.memory) !== undefined && (
        <p className={styles.problem} role="alert">
          {problems.cpu ?? problems.memory}
        </p>
      )}
      <QuotaPanel namespace={form.namespace} quota={quota} />
    </fieldset>
  );
}
