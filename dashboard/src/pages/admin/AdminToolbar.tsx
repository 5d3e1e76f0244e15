import { IconDownload, IconPlayerStop, IconSearch } from "@tabler/icons-react";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { type AdminView, PRESETS, type Sums, toCsv } from "../../model/overview";
import { canDo } from "../../model/phases";
import { Button, TextInput } from "../../ui/kit";
import styles from "./AdminPage.module.css";

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
    <div className={styles.bar}>
      <TextInput
        type="search"
        radius="xl"
        className={styles.search}
        leftSection={<IconSearch size={16} aria-hidden />}
        aria-label={t("admin.search")}
        placeholder={t("admin.search")}
        value={view.text}
        onChange={(event) => onChange({ text: event.currentTarget.value })}
      />
      <fieldset className={styles.presets} aria-label={t("list.filter")}>
        {PRESETS.filter((preset) => preset === "all" || preset === view.preset || sums.presets[preset] > 0).map(
          (preset) => (
            <button
              key={preset}
              type="button"
              className={styles.preset}
              aria-pressed={view.preset === preset}
              onClick={() => onChange({ preset: view.preset === preset ? "all" : preset, cause: "" })}
            >
              {t(`admin.preset.${preset}`)} <span className={styles.count}>{sums.presets[preset]}</span>
            </button>
          ),
        )}
      </fieldset>
      <div className={styles.right}>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
          disabled={rows.length === 0}
          onClick={() => save(toCsv(rows), "environments.csv")}
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
    </div>
  );
}

/** Gives the person a file. Spreadsheets know by its first bytes that it is UTF-8. */
function save(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
