import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { client, take } from "../../api/client";
import type { EnvironmentView, PresentList, PresentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { formatBytes, formatCores, formatInUnitOf } from "../../model/quantities";
import { VisuallyHidden } from "../../ui/kit";
import { useWide } from "../../ui/useWide";
import styles from "./Figures.module.css";

const EVERY_MS = 30_000;
// Below this width the column is not there (Figures.module.css).
const WIDTH = 1360;
const DASH = "–";
const NONE: ReadonlyMap<string, PresentView> = new Map();

const FiguresContext = createContext(NONE);

interface FiguresProviderProps {
  readonly rows: readonly EnvironmentView[];
  readonly className: string | undefined;
  readonly children: ReactNode;
}

/** Asks what the rows that are shown use now, in one request, and only where there is room to show it. */
export function FiguresProvider({ rows, className, children }: FiguresProviderProps) {
  const wide = useWide(WIDTH);
  const uids = rows
    .filter(({ phase }) => phase === "Running")
    .map(({ uid }) => uid)
    .sort()
    .join(",");
  const figures = useQuery({
    queryKey: ["usage-now", uids],
    queryFn: ({ signal }) => take(client.GET("/api/v1/usage/now", { params: { query: { uids } }, signal })),
    enabled: wide && uids !== "",
    placeholderData: keepPreviousData,
    refetchInterval: EVERY_MS,
    select: byUid,
  });
  return (
    <FiguresContext value={figures.isError ? NONE : (figures.data ?? NONE)}>
      <div className={className}>{children}</div>
    </FiguresContext>
  );
}

function byUid({ items }: PresentList): ReadonlyMap<string, PresentView> {
  return new Map(items.map((item) => [item.uid, item]));
}

export function FiguresHead() {
  const { t } = useTexts();
  return (
    <th scope="col" className={styles.figures}>
      {t("list.column.figures")}
    </th>
  );
}

/** What one uses of the processor and memory that it may use; a dash where nobody knows. */
export function FiguresCell({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  const figures = useContext(FiguresContext).get(environment.uid);
  if (figures === undefined || environment.phase !== "Running") {
    return (
      <td className={styles.figures}>
        <span aria-hidden>{DASH}</span>
        <VisuallyHidden>{t("unknown")}</VisuallyHidden>
      </td>
    );
  }
  const { cpu, memory } = figures;
  const percent = new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 0 });
  const cores = t("usage.cores", { cores: formatCores(cpu.used ?? 0, tag) });
  const bytes = memory.used ?? 0;
  return (
    <td className={styles.figures}>
      <div>{cpu.limit === null ? cores : percent.format((cpu.used ?? 0) / cpu.limit)}</div>
      <div>
        {memory.limit === null
          ? formatBytes(bytes, tag)
          : t("list.figures-memory", {
              used: formatInUnitOf(memory.limit, { bytes, tag }),
              limit: formatBytes(memory.limit, tag),
            })}
      </div>
    </td>
  );
}
