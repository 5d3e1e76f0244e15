import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { client, take } from "../../../api/client";
import type { EnvironmentView, HistoryView } from "../../../api/schema";
import { useTexts } from "../../../i18n";
import { formatPoint, pointsOf, WINDOWS, type WindowId, wholeOf, windowOf } from "../../../model/figures";
import { formatBytes, formatCores } from "../../../model/quantities";
import { Skeleton } from "../../../ui/kit";
import { Failure, Loading } from "../../../ui/states";
import { Chart } from "./Chart";
import styles from "./History.module.css";

const EVERY_MS = 60_000;
// How many of the newest starts the sentence names; the pictures have all of them.
const STARTS = 8;

/** What it used in the last hour, day or week; where nobody knows, that is said, and nothing is drawn as zero. */
export function History({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const [query, setQuery] = useSearchParams();
  const { namespace, name, uid, phase } = environment;
  const window = windowOf(query.get("window"));
  const history = useQuery({
    queryKey: ["usage-history", uid, phase, window],
    queryFn: ({ signal }) =>
      take(
        client.GET("/api/v1/namespaces/{namespace}/environments/{name}/usage/history", {
          params: { path: { namespace, name }, query: { window } },
          signal,
        }),
      ),
    refetchInterval: EVERY_MS,
  });
  const choose = (wanted: WindowId) => {
    const next = new URLSearchParams(query);
    next.set("window", wanted);
    setQuery(next, { replace: true });
  };
  return (
    <section aria-label={t("usage.history")}>
      <h2 className={styles.heading}>{t("usage.history")}</h2>
      <fieldset className={styles.windows} aria-label={t("usage.window")}>
        {WINDOWS.map((id) => (
          <button
            key={id}
            type="button"
            className={styles.window}
            aria-pressed={id === window}
            onClick={() => choose(id)}
          >
            {t(`usage.window.${id}`)}
          </button>
        ))}
      </fieldset>
      {history.data !== undefined ? (
        <Charts history={history.data} />
      ) : history.isError ? (
        <Failure error={history.error} onRetry={() => history.refetch()} />
      ) : (
        <Loading onRetry={() => history.refetch()}>
          <Skeleton height={240} animate={false} />
        </Loading>
      )}
    </section>
  );
}

function Charts({ history }: { readonly history: HistoryView }) {
  const { t, tag } = useTexts();
  const { available, why, window, figures } = history;
  if (!available || figures.length === 0) {
    return <p className={styles.sentence}>{t(`usage.none.${available || why === "" ? "empty" : why}`)}</p>;
  }
  const whole = wholeOf(history);
  const starts = history.starts.map((at) => Date.parse(at));
  const cores = (value: number) => t("usage.cores", { cores: formatCores(value, tag) });
  const bytes = (value: number) => formatBytes(value, tag);
  const disk = pointsOf(figures, "disk");
  const shared = { whole, starts, window };
  return (
    <>
      <p className={styles.sentence}>{t(`usage.step.${window}`)}</p>
      {starts.length > 0 && (
        <p className={styles.sentence}>
          {starts.length > STARTS && "… "}
          {t("usage.starts", {
            times: starts
              .slice(-STARTS)
              .map((at) => formatPoint(at, window))
              .join(", "),
          })}
        </p>
      )}
      <Chart
        {...shared}
        title={t("create.cpu")}
        points={pointsOf(figures, "cpu")}
        limit={history.cpuLimit}
        format={cores}
      />
      <Chart
        {...shared}
        title={t("create.memory")}
        points={pointsOf(figures, "memory")}
        limit={history.memoryLimit}
        format={bytes}
      />
      {disk.length > 0 ? (
        <Chart {...shared} title={t("detail.volume")} points={disk} limit={history.diskLimit} format={bytes} />
      ) : (
        <>
          <h3 className={styles.title}>{t("detail.volume")}</h3>
          <p className={styles.sentence}>{t("usage.no-disk")}</p>
        </>
      )}
      <ul className={styles.legend} aria-label={t("usage.legend")}>
        {(["used", "limit", "start", "nothing"] as const).map((mark) => (
          <li key={mark}>
            <span className={styles.mark} data-mark={mark} aria-hidden />
            {t(`usage.legend.${mark}`)}
          </li>
        ))}
      </ul>
    </>
  );
}
