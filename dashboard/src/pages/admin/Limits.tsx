import { IconAlertTriangleFilled } from "@tabler/icons-react";
import { useState } from "react";
import type { Holding, HoldingsView } from "../../api/schema";
import { formatAmount } from "../../environments/shortages";
import { type Translate, useTexts } from "../../i18n";
import { parseQuantity } from "../../model/quantities";
import { Callout } from "../../ui/Callout";
import { SearchField } from "../../ui/FilterBar";
import { NativeSelect, Skeleton, VisuallyHidden } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import { useSettled } from "../../ui/useSettled";
import { useWide } from "../../ui/useWide";
import styles from "./Section.module.css";
import { type HolderGrouping, useLimits } from "./useAdmin";

const GROUPINGS = ["owner", "namespace"] as const satisfies readonly HolderGrouping[];
const MEASURES = ["environments", "running", "cpu", "memory", "storage"] as const;
type Measure = (typeof MEASURES)[number];

/** What the installation allows, and who has how much of it now: those who are nearest to their limits first. */
export function Limits() {
  const { t } = useTexts();
  const [by, setBy] = useState<HolderGrouping>("owner");
  const [text, setText] = useState("");
  const limits = useLimits({ by, text: useSettled(text.trim()) });
  return (
    <section className={styles.panel} aria-label={t("admin.limits")} aria-busy={limits.isPlaceholderData}>
      <div className={styles.head}>
        <h2 className={styles.heading}>{t("admin.limits")}</h2>
        <NativeSelect
          aria-label={t("admin.use.group")}
          data={GROUPINGS.map((value) => ({ value, label: t(`admin.use.by.${value}`) }))}
          value={by}
          onChange={(event) => setBy(event.currentTarget.value as HolderGrouping)}
        />
        <SearchField label={t("admin.limits.search")} text={text} onChange={setText} />
      </div>
      {limits.data !== undefined ? (
        <Known known={limits.data} by={by} />
      ) : limits.isError ? (
        <Failure error={limits.error} onRetry={() => limits.refetch()} />
      ) : (
        <Loading onRetry={() => limits.refetch()}>
          <Skeleton height={160} animate={false} />
        </Loading>
      )}
    </section>
  );
}

interface KnownProps {
  readonly known: HoldingsView;
  readonly by: HolderGrouping;
}

function Known({ known, by }: KnownProps) {
  const { t } = useTexts();
  const wide = useWide();
  const { source, problem, items, total } = known;
  const rest = total - items.length;
  return (
    <>
      {problem !== "" ? (
        <Callout tone="failed" title={t("admin.limits.problem")}>
          {t("admin.limits.problem-hint", { problem, source })}
        </Callout>
      ) : (
        <p className={styles.hint}>{tellLimits(known, t)}</p>
      )}
      {items.length === 0 ? (
        <p className={styles.hint}>{t("admin.limits.empty")}</p>
      ) : wide ? (
        <Table known={known} by={by} />
      ) : (
        <Lines known={known} by={by} />
      )}
      {rest > 0 && <p className={styles.hint}>{t("admin.limits.more", { count: rest })}</p>}
    </>
  );
}

function tellLimits({ owner, source, starts, startsInNamespace }: HoldingsView, t: Translate): string {
  const bounds = MEASURES.flatMap((measure) => {
    const most = owner[measure];
    return most === null
      ? []
      : t("admin.limits.bound", { resource: t(`admin.limits.column.${measure}`), most: amount(measure, most) });
  });
  return [
    bounds.length === 0
      ? t("admin.limits.none", { source })
      : t("admin.limits.owner", { lines: bounds.join(t("quota.and")), source }),
    startsInNamespace === null
      ? t("admin.limits.starts", { count: starts })
      : t("admin.limits.starts-each", { count: starts, each: startsInNamespace }),
  ].join(" ");
}

function Table({ known, by }: KnownProps) {
  const { t } = useTexts();
  return (
    <table className={styles.table}>
      <caption className={styles.caption}>{t("admin.limits")}</caption>
      <thead>
        <tr>
          <th scope="col">{t(`admin.use.by.${by}`)}</th>
          {[...MEASURES, "starting" as const, "waiting" as const].map((column) => (
            <th key={column} scope="col" className={styles.figure}>
              {t(`admin.limits.column.${column}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {known.items.map((holding) => (
          <tr key={keyOf(holding)}>
            <th scope="row">{nameOf(holding, by, t)}</th>
            {MEASURES.map((measure) => (
              <td key={measure} className={styles.figure} data-full={holding.full.includes(measure)}>
                <Figure holding={holding} measure={measure} known={known} by={by} />
              </td>
            ))}
            <td className={styles.figure}>{holding.starting}</td>
            <td className={styles.figure}>{holding.waiting}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The table's rows where there is no room for a table. */
function Lines({ known, by }: KnownProps) {
  const { t } = useTexts();
  return (
    <ul className={styles.lines}>
      {known.items.map((holding) => (
        <li key={keyOf(holding)}>
          <strong>{nameOf(holding, by, t)}</strong>
          <dl className={styles.facts}>
            {MEASURES.map((measure) => (
              <div key={measure} data-full={holding.full.includes(measure)}>
                <dt>{t(`admin.limits.column.${measure}`)}</dt>
                <dd>
                  <Figure holding={holding} measure={measure} known={known} by={by} />
                </dd>
              </div>
            ))}
            {(["starting", "waiting"] as const).map((column) => (
              <div key={column}>
                <dt>{t(`admin.limits.column.${column}`)}</dt>
                <dd>{holding[column]}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

interface FigureProps extends KnownProps {
  readonly holding: Holding;
  readonly measure: Measure;
}

/** What is used and, where it counts for this row, how much there may be. */
function Figure({ holding, measure, known, by }: FigureProps) {
  const { t } = useTexts();
  const most = by === "owner" ? known.owner[measure] : null;
  const used = amount(measure, holding[measure]);
  const full = holding.full.includes(measure);
  return (
    <>
      {full && <IconAlertTriangleFilled size={14} aria-hidden className={styles.sign} />}
      {most === null ? used : t("admin.limits.of", { used, most: amount(measure, most) })}
      {full && " "}
      {full && <VisuallyHidden>{t("admin.limits.full")}</VisuallyHidden>}
    </>
  );
}

function amount(measure: Measure, text: string): string {
  const value = parseQuantity(text);
  const bytes = measure === "memory" || measure === "storage";
  return value === undefined ? text : formatAmount(value, bytes ? "bytes" : "cores");
}

function keyOf({ owner, namespace }: Holding): string {
  return `${owner}/${namespace}`;
}

function nameOf({ owner, namespace }: Holding, by: HolderGrouping, t: Translate): string {
  return owner || (by === "owner" ? t("admin.limits.nobody", { namespace }) : namespace);
}
