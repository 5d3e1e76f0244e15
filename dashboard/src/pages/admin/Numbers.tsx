import { isKnown, useTexts } from "../../i18n";
import type { AdminView, Preset, Sums } from "../../model/overview";
import { formatBytes, formatCores } from "../../model/quantities";
import { formatCost } from "../../model/usage";
import styles from "./Numbers.module.css";
import { useMonth } from "./useAdmin";

interface NumbersProps {
  readonly sums: Sums;
  readonly view: AdminView;
  readonly onChange: (part: Partial<AdminView>) => void;
}

/** The numbers of the page; those that stand for a part of the table lead to it. */
export function Numbers({ sums, view, onChange }: NumbersProps) {
  const { t, tag } = useTexts();
  const { groups, presets, requested, limits } = sums;
  const show = (preset: Preset) => () => onChange({ preset: view.preset === preset ? "all" : preset, cause: "" });
  const tile = (label: string, count: number, preset: Preset) => (
    <button type="button" className={styles.tile} aria-pressed={view.preset === preset} onClick={show(preset)}>
      <span className={styles.number}>{count}</span> <span className={styles.label}>{label}</span>
    </button>
  );
  return (
    <section className={styles.numbers} aria-label={t("admin.numbers")}>
      <Tile label={t("list.filter.running")} value={String(groups.running)} />
      <Tile label={t("list.filter.starting")} value={String(groups.starting)} />
      <Tile label={t("list.filter.stopped")} value={String(groups.stopped)} />
      <div className={styles.stacked}>
        {tile(t("list.filter.failed"), groups.failed, "failed")}
        {sums.causes.length > 0 && (
          <ul className={styles.causes}>
            {sums.causes.map(([reason, count]) => {
              const key = `reason.${reason}`;
              const cause = isKnown(key) ? t(key) : reason;
              const chosen = view.preset === "failed" && view.cause === reason;
              return (
                <li key={reason}>
                  <button
                    type="button"
                    className={styles.cause}
                    aria-pressed={chosen}
                    onClick={() => onChange(chosen ? { cause: "" } : { preset: "failed", cause: reason })}
                  >
                    {t("admin.cause", { cause, count })}
                  </button>
                </li>
              );
            })}
          </ul>
        )}
      </div>
      {tile(t("admin.preset.idle"), presets.idle, "idle")}
      {tile(t("admin.preset.long-stopped"), presets["long-stopped"], "long-stopped")}
      <Tile
        label={t("admin.cpu")}
        value={formatCores(requested.cpu, tag)}
        note={t("admin.at-most", { most: formatCores(limits.cpu, tag) })}
      />
      <Tile
        label={t("admin.memory")}
        value={formatBytes(requested.memory, tag)}
        note={t("admin.at-most", { most: formatBytes(limits.memory, tag) })}
      />
      <MonthCost />
    </section>
  );
}

/** What all of it costs this month, where the admin has set prices. */
function MonthCost() {
  const { t, tag } = useTexts();
  const { data } = useMonth({ by: "owner", month: "" });
  return data === undefined || data.currency === null || data.total.cost === null ? null : (
    <Tile label={t("detail.month")} value={formatCost(data.total.cost, data.currency, tag)} />
  );
}

function Tile({ label, value, note }: { readonly label: string; readonly value: string; readonly note?: string }) {
  return (
    <div className={styles.tile}>
      <span className={styles.number}>{value}</span>
      <span className={styles.label}>{label}</span>
      {note !== undefined && <span className={styles.note}>{note}</span>}
    </div>
  );
}
