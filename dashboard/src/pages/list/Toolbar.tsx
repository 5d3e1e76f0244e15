import { IconLayoutGrid, IconPlus, IconTable } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "react-router";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { matchesState, SORTS, type Sort, STATES, type View } from "../../model/listing";
import type { TemplateNames } from "../../model/templates";
import { Choices, FilterBar, SearchField } from "../../ui/FilterBar";
import { ActionIcon, Button, NativeSelect } from "../../ui/kit";
import { pageTo } from "../../ui/pageTo";
import { ColumnChoice } from "./ColumnChoice";
import type { Columns } from "./columns";
import styles from "./Toolbar.module.css";

interface ToolbarProps {
  readonly known: ReadonlyMap<string, EnvironmentView>;
  /** What every filter but the one by state lets through. */
  readonly before: readonly EnvironmentView[];
  readonly view: View;
  readonly columns: Columns;
  readonly templateNames: TemplateNames;
  readonly wide: boolean;
  readonly onChange: (part: Partial<View>) => void;
}

const SORT_LABELS = {
  attention: "list.sort.attention",
  name: "list.column.name",
  status: "list.column.status",
  template: "list.column.template",
  project: "list.column.project",
  owner: "list.column.owner",
  activity: "list.column.activity",
} as const satisfies Record<Sort, string>;

export function Toolbar({ known, before, view, columns, templateNames, wide, onChange }: ToolbarProps) {
  const { t } = useTexts();
  const projects = useMemo(() => valuesOf(known, "namespace", view.project), [known, view.project]);
  const templates = useMemo(() => valuesOf(known, "template", view.template), [known, view.template]);
  const owners = useMemo(() => new Set([...known.values()].map(({ owner }) => owner)).size, [known]);
  return (
    <FilterBar>
      <SearchField label={t("list.search")} text={view.text} onChange={(text) => onChange({ text })} />
      <States before={before} view={view} onChange={onChange} />
      <div className={styles.selects}>
        {projects.length > 1 && (
          <NativeSelect
            aria-label={t("list.project")}
            value={view.project}
            onChange={(event) => onChange({ project: event.currentTarget.value })}
            data={[{ value: "", label: t("list.all-projects") }, ...projects]}
          />
        )}
        {templates.length > 1 && (
          <NativeSelect
            aria-label={t("list.column.template")}
            value={view.template}
            onChange={(event) => onChange({ template: event.currentTarget.value })}
            data={[{ value: "", label: t("list.all-templates") }, ...labelled(templates, templateNames)]}
          />
        )}
        {owners > 1 && (
          <NativeSelect
            aria-label={t("list.owner")}
            value={view.whose}
            onChange={(event) => onChange({ whose: event.currentTarget.value === "mine" ? "mine" : "all" })}
            data={[
              { value: "all", label: t("list.owner.all") },
              { value: "mine", label: t("list.owner.mine") },
            ]}
          />
        )}
        {(!wide || view.form === "cards") && (
          <NativeSelect
            aria-label={t("list.sort")}
            value={view.sort}
            onChange={(event) =>
              onChange({ sort: SORTS.find((sort) => sort === event.currentTarget.value) ?? "attention" })
            }
            data={SORTS.map((sort) => ({ value: sort, label: t(SORT_LABELS[sort]) }))}
          />
        )}
      </div>
      <div className={styles.right}>
        {wide && view.form === "table" && <ColumnChoice {...columns} />}
        {wide && <Form view={view} onChange={onChange} />}
        <Button
          component={Link}
          to={pageTo("/new")}
          radius="xl"
          className={styles.create}
          leftSection={<IconPlus size={16} aria-hidden />}
        >
          {t("list.create")}
        </Button>
      </div>
    </FilterBar>
  );
}

/** What there is to choose; what was asked for is shown as such even where it has nothing any more. */
function valuesOf(
  known: ReadonlyMap<string, EnvironmentView>,
  field: "namespace" | "template",
  chosen: string,
): readonly string[] {
  const found = new Set([...known.values()].map((environment) => environment[field]));
  return [...(chosen === "" ? found : found.add(chosen))].sort();
}

/** Templates as people know them, in the order of their names; two of one name with what the cluster calls them. */
function labelled(templates: readonly string[], names: TemplateNames): readonly { value: string; label: string }[] {
  const told = templates.map((value) => ({ value, label: names.get(value)?.text ?? value }));
  return told
    .map(({ value, label }) => ({
      value,
      label: told.some((other) => other.value !== value && other.label === label) ? `${label} (${value})` : label,
    }))
    .sort((one, other) => one.label.localeCompare(other.label));
}

function States({ before, view, onChange }: Pick<ToolbarProps, "before" | "view" | "onChange">) {
  const { t } = useTexts();
  const choices = useMemo(
    () =>
      STATES.map((state) => ({
        value: state,
        label: t(`list.filter.${state}`),
        count: before.filter((environment) => matchesState(environment, state)).length,
      })),
    [before, t],
  );
  return (
    <Choices label={t("list.filter")} choices={choices} chosen={view.state} onChange={(state) => onChange({ state })} />
  );
}

function Form({ view, onChange }: Pick<ToolbarProps, "view" | "onChange">) {
  const { t } = useTexts();
  return (
    <fieldset className={styles.forms} aria-label={t("list.view")}>
      <ActionIcon
        variant={view.form === "table" ? "light" : "subtle"}
        color="gray"
        size="lg"
        aria-label={t("list.view.table")}
        aria-pressed={view.form === "table"}
        onClick={() => onChange({ form: "table" })}
      >
        <IconTable size={18} aria-hidden />
      </ActionIcon>
      <ActionIcon
        variant={view.form === "cards" ? "light" : "subtle"}
        color="gray"
        size="lg"
        aria-label={t("list.view.cards")}
        aria-pressed={view.form === "cards"}
        onClick={() => onChange({ form: "cards" })}
      >
        <IconLayoutGrid size={18} aria-hidden />
      </ActionIcon>
    </fieldset>
  );
}
