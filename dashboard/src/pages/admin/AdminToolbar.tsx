import { IconDownload, IconPlayerStop } from "@tabler/icons-react";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { type AdminView, PRESETS, type Sums, toCsv } from "../../model/overview";
import { canDo } from "../../model/phases";
import { Choices, FilterBar, SearchField } from "../../ui/FilterBar";
import { Button } from "../../ui/kit";
import { saveText } from "../../ui/saveText";
import styles from "./AdminPage.module.css";

// Spreadsheets know by it that a file is UTF-8.
const BOM = "\ufeff";
const BY_SIZE = { sort: "size", descending: true } as const;

interface AdminToolbarProps {
  readonly view: AdminView;
  readonly sums: Sums;
  /** All that the filters let through, on whatever page. */
  readonly rows: readonly EnvironmentView[];
  readonly chosen: readonly EnvironmentView[];
  readonly onChange: (part: Partial<AdminView>) => void;
  readonly onStop: (environments: readonly EnvironmentView[]) => void;
}

export function AdminToolbar({ view, sums, rows, chosen, onChange, onStop }: AdminToolbarProps) {
  const { t } = useTexts();
  const stoppable = chosen.filter((environment) => canDo(environment, "stop"));
  return (
    <FilterBar>
      <SearchField label={t("admin.search")} text={view.text} onChange={(text) => onChange({ text })} />
      <Choices
        label={t("list.filter")}
        choices={PRESETS.map((preset) => ({
          value: preset,
          label: t(`admin.preset.${preset}`),
          count: sums.presets[preset],
        }))}
        chosen={view.preset}
        onChange={(preset) => onChange({ preset, cause: "", ...(preset === "largest" ? BY_SIZE : {}) })}
      />
      <div className={styles.right}>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
          disabled={rows.length === 0}
          onClick={() => saveText("environments.csv", `${BOM}${toCsv(rows)}`, "text/csv")}
        >
          {t("admin.export", { count: rows.length })}
        </Button>
        <Button
          leftSection={<IconPlayerStop size={16} aria-hidden />}
          disabled={stoppable.length === 0}
          onClick={() => onStop(stoppable)}
        >
          {t("admin.stop-selected", { count: stoppable.length })}
        </Button>
      </div>
    </FilterBar>
  );
}
