import type { EnvironmentView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { Condition } from "../../environments/Condition";
import { useTexts } from "../../i18n";
import { type AdminView, COLUMNS, idleSince } from "../../model/overview";
import { Checkbox } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { SortHead } from "../../ui/SortHead";
import { detailPath, toggle } from "../list/rows";
import styles from "./AdminTable.module.css";

export interface AdminRowsProps {
  readonly rows: readonly EnvironmentView[];
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
}

interface AdminTableProps extends AdminRowsProps {
  readonly view: AdminView;
  readonly total: number;
  readonly onChange: (part: Partial<AdminView>) => void;
}

export function AdminTable({ rows, selected, onSelect, view, total, onChange }: AdminTableProps) {
  const { t } = useTexts();
  const all = rows.every(({ uid }) => selected.has(uid));
  return (
    <table className={styles.table}>
      <caption className={styles.caption}>{t("list.caption", { total })}</caption>
      <thead>
        <tr>
          <th scope="col" className={styles.check}>
            <Checkbox
              size="xs"
              aria-label={t("list.select-all")}
              checked={all}
              indeterminate={!all && rows.some(({ uid }) => selected.has(uid))}
              onChange={() => onSelect(new Set(all ? [] : rows.map(({ uid }) => uid)))}
            />
          </th>
          {COLUMNS.map((column) => (
            <SortHead
              key={column}
              column={column}
              label={t(`admin.column.${column}`)}
              className={styles[column]}
              view={view}
              onChange={onChange}
            />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((environment) => (
          <tr key={environment.uid} data-uid={environment.uid} data-phase={environment.phase}>
            <td className={styles.check}>
              <Checkbox
                size="xs"
                aria-label={t("list.select", { name: environment.displayName })}
                checked={selected.has(environment.uid)}
                onChange={(event) => onSelect(toggle(selected, environment.uid, event.currentTarget.checked))}
              />
            </td>
            <th scope="row" className={styles.name}>
              <PageLink to={detailPath(environment)} className={styles.link}>
                {environment.displayName}
              </PageLink>
            </th>
            <td className={styles.owner}>{environment.owner}</td>
            <td className={styles.project}>{environment.namespace}</td>
            <td className={styles.status}>
              <Condition environment={environment} />
            </td>
            <td className={styles.idle}>
              <Idle environment={environment} />
            </td>
            <td className={styles.size}>
              {t("create.size-short", { cpu: environment.cpu, memory: environment.memory })}
            </td>
            <td className={styles.started}>{environment.startedAt !== null && <Ago time={environment.startedAt} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Since when nobody works in it; of one that does not run there is nothing to say. */
export function Idle({ environment }: { readonly environment: EnvironmentView }) {
  const runs = environment.phase === "Running" || environment.phase === "Unreachable";
  return runs ? <Ago time={idleSince(environment)} /> : "–";
}
