import { useState } from "react";
import { useTexts } from "../../i18n";
import { valueAt } from "../../model/manifest";
import { TextInput } from "../../ui/kit";
import styles from "./EditorPage.module.css";
import { FieldView } from "./FieldView";
import { placeOf, SECTIONS, type Section } from "./fields";
import type { DraftState } from "./useDraft";

interface FormProps {
  readonly state: DraftState;
  readonly problems: Readonly<Record<string, string>>;
  /** The name of a template never changes. */
  readonly named: boolean;
}

/** The document as fields. What has none stays in the YAML. */
export function TemplateForm({ state, problems, named }: FormProps) {
  const { t } = useTexts();
  return (
    <div className={styles.sections}>
      {SECTIONS.map((section) =>
        section.advanced ? (
          <Advanced key={section.id} section={section} state={state} problems={problems} />
        ) : (
          <section key={section.id} className={styles.section}>
            <h2 className={styles.heading}>{t(`editor.section.${section.id}`)}</h2>
            {section.id === "names" && <NameField state={state} problem={problems.name} named={named} />}
            <SectionFields section={section} state={state} problems={problems} />
          </section>
        ),
      )}
    </div>
  );
}

interface NameProps {
  readonly state: DraftState;
  readonly problem: string | undefined;
  readonly named: boolean;
}

function NameField({ state, problem, named }: NameProps) {
  const { t } = useTexts();
  return (
    <div data-field="name" className={styles.name}>
      <TextInput
        label={t("editor.name")}
        description={t(named ? "editor.name-kept" : "editor.name-hint")}
        required
        readOnly={named}
        spellCheck={false}
        error={problem}
        value={state.draft.name}
        onChange={(event) => state.change(["metadata", "name"], event.currentTarget.value)}
      />
    </div>
  );
}

type SectionProps = Omit<FormProps, "named"> & { readonly section: Section };

function Advanced(props: SectionProps) {
  const { t } = useTexts();
  const [open, setOpen] = useState(false);
  return (
    <details
      className={styles.section}
      open={open || hasProblem(props.section, props.problems)}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className={styles.heading}>{t(`editor.section.${props.section.id}`)}</summary>
      <SectionFields {...props} />
      <p className={styles.hint}>{t("editor.more-in-yaml")}</p>
    </details>
  );
}

function SectionFields({ section, state, problems }: SectionProps) {
  return (
    <div className={styles.pair}>
      {section.fields.map((field) => (
        <FieldView
          key={field.path}
          field={field}
          value={valueAt(state.draft.spec, placeOf(field))}
          problem={problems[field.path]}
          onChange={state.change}
        />
      ))}
    </div>
  );
}

function hasProblem(section: Section, problems: Readonly<Record<string, string>>): boolean {
  return section.fields.some(({ path }) => problems[path] !== undefined);
}
