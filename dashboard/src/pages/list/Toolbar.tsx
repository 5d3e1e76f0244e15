import { IconLayoutGrid, IconPlus, IconSearch, IconTable, IconX } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { matchesState, SORTS, type Sort, STATES, type State, type View } from "../../model/listing";
import { ActionIcon, Button, NativeSelect, TextInput, VisuallyHidden } from "../../ui/kit";
import { pageTo } from "../../ui/pageTo";
import styles from "./Toolbar.module.css";

interface ToolbarProps {
  readonly known: ReadonlyMap<string, EnvironmentView>;
  /** What every filter but the one by state lets through. */
  readonly before: readonly EnvironmentView[];
  readonly view: View;
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

export function Toolbar({ known, before, view, wide, onChange }: ToolbarProps) {
  const { t } = useTexts();
  // One that was asked for is shown as such even where it has nothing any more.
  const projects = useMemo(() => {
    const found = new Set([...known.values()].map(({ namespace }) => namespace));
    return [...(view.project === "" ? found : found.add(view.project))].sort();
  }, [known, view.project]);
  const owners = useMemo(() => new Set([...known.values()].map(({ owner }) => owner)).size, [known]);
  return (
    <div className={styles.bar}>
      <Search text={view.text} onChange={(text) => onChange({ text })} />
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
        {view.template !== "" && (
          <Button
            variant="default"
            radius="xl"
            rightSection={<IconX size={14} aria-hidden />}
            onClick={() => onChange({ template: "" })}
          >
            {t("list.of-template", { name: view.template })} <VisuallyHidden>{t("list.any-template")}</VisuallyHidden>
          </Button>
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
    </div>
  );
}

/** Shows what is typed at once: the address, which the list goes by, follows when there is time. */
function Search({ text, onChange }: { readonly text: string; readonly onChange: (text: string) => void }) {
  const { t } = useTexts();
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <TextInput
      type="search"
      radius="xl"
      className={styles.search}
      leftSection={<IconSearch size={16} aria-hidden />}
      aria-label={t("list.search")}
      placeholder={t("list.search")}
      value={typed ?? text}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        onChange(event.currentTarget.value);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

function States({ before, view, onChange }: Pick<ToolbarProps, "before" | "view" | "onChange">) {
  const { t } = useTexts();
  const counts = useMemo(() => {
    const found = new Map<State, number>();
    for (const state of STATES) {
      found.set(state, before.filter((environment) => matchesState(environment, state)).length);
    }
    return found;
  }, [before]);
  return (
    <fieldset className={styles.states} aria-label={t("list.filter")}>
      {STATES.filter((state) => state === "all" || state === view.state || (counts.get(state) ?? 0) > 0).map(
        (state) => (
          <button
            key={state}
            type="button"
            className={styles.state}
            aria-pressed={view.state === state}
            onClick={() => onChange({ state: view.state === state ? "all" : state })}
          >
            {t(`list.filter.${state}`)} <span className={styles.count}>{counts.get(state)}</span>
          </button>
        ),
      )}
    </fieldset>
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
