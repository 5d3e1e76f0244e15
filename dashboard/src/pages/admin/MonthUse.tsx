import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import type { MonthView, UsageRow, UsageTable } from "../../api/schema";
import { serverPath } from "../../base";
import { useTexts } from "../../i18n";
import { formatCost, GROUPINGS, type Grouping, largestFirst, monthValues } from "../../model/usage";
import { Button, NativeSelect, Skeleton } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import { useWide } from "../../ui/useWide";
import styles from "./Section.module.css";
import { useMonth } from "./useAdmin";

// The rest is in the file.
const SHOWN = 10;
const COLUMNS = ["running", "cpu", "memory", "storage"] as const;
const PRICED = [...COLUMNS, "cost"] as const;

/** What owners, projects or environments took of the cluster in a month, and the same as a file. */
export function MonthUse() {
  const { t } = useTexts();
  const [by, setBy] = useState<Grouping>("owner");
  const [month, setMonth] = useState("");
  const usage = useMonth({ by, month });
  const table = usage.data;
  const query = new URLSearchParams({ by, ...(month === "" ? {} : { month }) });
  return (
    <section className={styles.panel} aria-label={t("admin.use")} aria-busy={usage.isPlaceholderData}>
      <div className={styles.head}>
        <h2 className={styles.heading}>{t("admin.use")}</h2>
        <NativeSelect
          aria-label={t("admin.use.group")}
          data={GROUPINGS.map((value) => ({ value, label: t(`admin.use.by.${value}`) }))}
          value={by}
          onChange={(event) => setBy(event.currentTarget.value as Grouping)}
        />
        <NativeSelect
          aria-label={t("admin.use.month")}
          data={[...(table?.months ?? [])]}
          value={month || (table?.month ?? "")}
          disabled={table === undefined}
          onChange={(event) => setMonth(event.currentTarget.value)}
        />
        <Button
          component="a"
          variant="default"
          href={serverPath(`/api/v1/usage.csv?${query}`)}
          download
          leftSection={<IconDownload size={16} aria-hidden />}
          className={styles.file}
        >
          {t("admin.use.file")}
        </Button>
      </div>
      <p className={styles.hint}>{t("admin.use.hint")}</p>
      {table !== undefined ? (
        <Rows table={table} by={by} />
      ) : usage.isError ? (
        <Failure error={usage.error} onRetry={() => usage.refetch()} />
      ) : (
        <Loading onRetry={() => usage.refetch()}>
          <Skeleton height={160} animate={false} />
        </Loading>
      )}
    </section>
  );
}

interface RowsProps {
  readonly table: UsageTable;
  readonly by: Grouping;
}

function Rows({ table, by }: RowsProps) {
  const { t } = useTexts();
  const wide = useWide();
  const rows = largestFirst(table.items).slice(0, SHOWN);
  const rest = table.items.length - rows.length;
  const shared = { rows, total: table.total, currency: table.currency };
  if (rows.length === 0) {
    return <p className={styles.hint}>{t("admin.use.empty")}</p>;
  }
  return (
    <>
      {wide ? <Table {...shared} by={by} /> : <Lines {...shared} />}
      {rest > 0 && <p className={styles.hint}>{t("admin.use.more", { count: rest })}</p>}
    </>
  );
}

interface TableProps {
  readonly rows: readonly UsageRow[];
  readonly by: Grouping;
  readonly total: MonthView;
  readonly currency: string | null;
}

function Table({ rows, by, total, currency }: TableProps) {
  const { t, tag } = useTexts();
  const columns = currency === null ? COLUMNS : PRICED;
  const cells = (usage: MonthView) => {
    const values = { ...monthValues(usage, tag), cost: costOf(usage, currency, tag) };
    return columns.map((column) => (
      <td key={column} className={styles.number}>
        {values[column]}
      </td>
    ));
  };
  return (
    <table className={styles.table} data-columns={columns.length}>
      <caption className={styles.caption}>{t("admin.use")}</caption>
      <thead>
        <tr>
          <th scope="col">{t(`admin.use.by.${by}`)}</th>
          {columns.map((column) => (
            <th key={column} scope="col" className={styles.number}>
              {t(`admin.use.column.${column}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            <th scope="row">{nameOf(row) || t("unknown")}</th>
            {cells(row.usage)}
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{t("admin.use.total")}</th>
          {cells(total)}
        </tr>
      </tfoot>
    </table>
  );
}

/** The table's rows where there is no room for a table. */
function Lines({ rows, total, currency }: Omit<TableProps, "by">) {
  const { t, tag } = useTexts();
  const lines: readonly [key: string, name: string, usage: MonthView][] = [
    ...rows.map((row): [string, string, MonthView] => [keyOf(row), nameOf(row) || t("unknown"), row.usage]),
    ["", t("admin.use.total"), total],
  ];
  return (
    <ul className={styles.lines}>
      {lines.map(([key, name, usage]) => (
        <li key={key}>
          <strong>{name}</strong>
          <span>{t("usage.month", monthValues(usage, tag))}</span>
          {currency !== null && <span>{t("usage.cost", { cost: costOf(usage, currency, tag) })}</span>}
        </li>
      ))}
    </ul>
  );
}

function costOf({ cost }: MonthView, currency: string | null, tag: string): string {
  return cost === null || currency === null ? "" : formatCost(cost, currency, tag);
}

function keyOf({ namespace, owner, environment }: UsageRow): string {
  return `${namespace}/${owner}/${environment}`;
}

/** An environment with its project, or what is summed up. */
function nameOf({ namespace, owner, environment }: UsageRow): string {
  return environment === "" ? owner || namespace : `${namespace}/${environment}`;
}
