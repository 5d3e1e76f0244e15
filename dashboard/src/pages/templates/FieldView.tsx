import { IconPlus, IconTrash } from "@tabler/icons-react";
import { memo, useState } from "react";
import { useParams } from "react-router";
import { isKnown, type Translate, useTexts } from "../../i18n";
import type { Path } from "../../model/manifest";
import { ActionIcon, Button, Checkbox, NativeSelect, Textarea, TextInput } from "../../ui/kit";
import styles from "./EditorPage.module.css";
import {
  type ChoiceField,
  type Column,
  type Field,
  fromLines,
  type LinesField,
  placeOf,
  type RowsField,
  type TemplateField,
  type TextField,
  toLines,
  toWords,
  typed,
} from "./fields";
import { useSuccessorChoices } from "./useSuccessorChoices";

interface FieldProps<Kind extends Field> {
  readonly field: Kind;
  readonly value: unknown;
  readonly problem: string | undefined;
  readonly onChange: (path: Path, value: unknown) => void;
}

/** One field of the form. What it cannot show, as a list where a word should be, stays until somebody types here. */
export const FieldView = memo(function FieldView({ field, ...rest }: FieldProps<Field>) {
  const wide = field.kind === "area" || field.kind === "rows";
  return (
    <div data-field={field.path} className={wide ? styles.wide : undefined}>
      {field.kind === "choice" ? (
        <Choice field={field} {...rest} />
      ) : field.kind === "template" ? (
        <TemplateChoice field={field} {...rest} />
      ) : field.kind === "lines" ? (
        <Lines field={field} {...rest} />
      ) : field.kind === "rows" ? (
        <Rows field={field} {...rest} />
      ) : (
        <Plain field={field} {...rest} />
      )}
    </div>
  );
});

function Plain({ field, value, problem, onChange }: FieldProps<TextField>) {
  const { t } = useTexts();
  const path = pathOf(field);
  const shared = { label: labelOf(field, t), description: hintOf(field, t), error: problem };
  if (field.kind === "flag") {
    return (
      <Checkbox
        {...shared}
        checked={value === true}
        onChange={(event) => onChange(path, event.currentTarget.checked || undefined)}
      />
    );
  }
  const text = {
    ...shared,
    placeholder: field.placeholder,
    lang: field.lang,
    spellCheck: false,
    required: field.required === true,
    value: textOf(value),
    onChange: (event: { currentTarget: { value: string } }) =>
      onChange(path, typed(event.currentTarget.value, field.kind === "number")),
  };
  return field.kind === "area" ? <Textarea rows={3} {...text} /> : <TextInput {...text} />;
}

function Choice({ field, value, problem, onChange }: FieldProps<ChoiceField>) {
  const { t } = useTexts();
  const [usual = ""] = field.choices;
  return (
    <NativeSelect
      label={labelOf(field, t)}
      description={hintOf(field, t)}
      error={problem}
      value={textOf(value) || usual}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        onChange(pathOf(field), chosen === usual ? undefined : chosen);
      }}
      data={field.choices.map((choice) => {
        const state = `templates.state.${choice}`;
        return { value: choice, label: choice === "" ? t("editor.unset") : isKnown(state) ? t(state) : choice };
      })}
    />
  );
}

function TemplateChoice({ field, value, problem, onChange }: FieldProps<TemplateField>) {
  const { t } = useTexts();
  const { name } = useParams();
  const chosen = textOf(value);
  return (
    <NativeSelect
      label={labelOf(field, t)}
      description={hintOf(field, t)}
      error={problem}
      value={chosen}
      onChange={(event) => onChange(pathOf(field), event.currentTarget.value || undefined)}
      data={[...useSuccessorChoices(name, chosen)]}
    />
  );
}

function Lines({ field, value, problem, onChange }: FieldProps<LinesField>) {
  const { t } = useTexts();
  const given = toLines(value, field.of);
  // As it is typed: a line that is only begun is no part of the document yet.
  const [own, setOwn] = useState(given);
  const shown = toLines(fromLines(own, field.of), field.of) === given ? own : given;
  return (
    <Textarea
      label={labelOf(field, t)}
      description={hintOf(field, t) ?? t(field.of === "pairs" ? "editor.pair-per-line" : "editor.one-per-line")}
      placeholder={field.placeholder}
      error={problem}
      spellCheck={false}
      rows={Math.min(8, Math.max(2, shown.split("\n").length))}
      value={shown}
      onChange={(event) => {
        setOwn(event.currentTarget.value);
        onChange(pathOf(field), fromLines(event.currentTarget.value, field.of));
      }}
    />
  );
}

function Rows({ field, value, problem, onChange }: FieldProps<RowsField>) {
  const { t } = useTexts();
  const rows: readonly unknown[] = Array.isArray(value) ? value : [];
  const path = pathOf(field);
  return (
    <fieldset className={styles.rows}>
      <legend className={styles.label}>{labelOf(field, t)}</legend>
      {hintOf(field, t) !== undefined && <p className={styles.hint}>{hintOf(field, t)}</p>}
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
        <div key={index} className={styles.row}>
          {field.columns.map((column) => (
            <Cell
              key={column.key}
              column={column}
              label={t("editor.cell", { column: columnOf(column.key, t), number: index + 1 })}
              placeholder={column.placeholder ?? columnOf(column.key, t)}
              value={Reflect.get(Object(row), column.key)}
              onChange={(cell) =>
                onChange([...path, index, column.key], cell ?? (column.key === field.stays ? "" : undefined))
              }
            />
          ))}
          <ActionIcon
            variant="subtle"
            color="gray"
            size={34}
            aria-label={t("editor.remove-row", { number: index + 1 })}
            onClick={() => onChange([...path, index], undefined)}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </div>
      ))}
      <Button
        variant="default"
        size="xs"
        leftSection={<IconPlus size={14} aria-hidden />}
        onClick={() => onChange([...path, rows.length], field.fresh())}
      >
        {t("editor.add-row")}
      </Button>
      {problem !== undefined && (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
    </fieldset>
  );
}

interface CellProps {
  readonly column: Column;
  readonly label: string;
  readonly placeholder: string;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

function Cell({ column, label, placeholder, value, onChange }: CellProps) {
  const given = column.of === "words" ? wordsOf(value).join(", ") : textOf(value);
  // As it is typed: a comma after which no word has come is no part of the document.
  const [own, setOwn] = useState(given);
  const shown = column.of === "words" && (toWords(own) ?? []).join(", ") === given ? own : given;
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      spellCheck={false}
      value={shown}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setOwn(text);
        onChange(column.of === "words" ? toWords(text) : typed(text, column.of === "number"));
      }}
    />
  );
}

function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function pathOf(field: Field): Path {
  return ["spec", ...placeOf(field)];
}

function textOf(value: unknown): string {
  return value === undefined || value === null || typeof value === "object" ? "" : String(value);
}

export function labelOf({ path }: Field, t: Translate): string {
  const key = `editor.field.${path}`;
  return isKnown(key) ? t(key) : path;
}

function hintOf({ path }: Field, t: Translate): string | undefined {
  const key = `editor.hint.${path}`;
  return isKnown(key) ? t(key) : undefined;
}

function columnOf(name: string, t: Translate): string {
  const key = `editor.column.${name}`;
  return isKnown(key) ? t(key) : name;
}
