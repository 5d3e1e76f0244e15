import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { Variable } from "../api/schema";
import { useTexts } from "../i18n";
import { ActionIcon, Button, TextInput } from "../ui/kit";
import styles from "./Variables.module.css";

interface VariablesProps {
  readonly variables: readonly Variable[];
  readonly problem: string | undefined;
  readonly onChange: (variables: readonly Variable[]) => void;
}

/** Environment variables of one's own, a row each. */
export function Variables({ variables, problem, onChange }: VariablesProps) {
  const { t } = useTexts();
  const change = (index: number, part: { name?: string; value?: string }) =>
    onChange(variables.map((known, place) => (place === index ? { ...known, ...part } : known)));
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
              onClick={() => onChange(variables.filter((_, place) => place !== index))}
            >
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...variables, { name: "", value: "" }])}
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
