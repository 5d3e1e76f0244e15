import { useQuery } from "@tanstack/react-query";
import { client, take } from "../../api/client";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { formatBytes } from "../../model/quantities";
import { formatCost, monthValues } from "../../model/usage";
import { Skeleton } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import styles from "./DetailPage.module.css";
import { History } from "./usage/History";

const EVERY_MS = 15_000;

/** What it uses now and has used; what it took this month. */
export function Usage({ environment }: { readonly environment: EnvironmentView }) {
  return (
    <>
      <Present environment={environment} />
      <History environment={environment} />
    </>
  );
}

/** What it uses now of what it may use, unknown where nobody measures, never zero; and what it took this month. */
function Present({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  const { namespace, name, uid, phase } = environment;
  const usage = useQuery({
    queryKey: ["usage", uid, phase],
    queryFn: ({ signal }) =>
      take(
        client.GET("/api/v1/namespaces/{namespace}/environments/{name}/usage", {
          params: { path: { namespace, name } },
          signal,
        }),
      ),
    refetchInterval: EVERY_MS,
  });
  if (usage.isError) {
    return <Failure error={usage.error} onRetry={() => usage.refetch()} />;
  }
  if (usage.data === undefined) {
    return (
      <Loading onRetry={() => usage.refetch()}>
        <Skeleton height={120} animate={false} />
      </Loading>
    );
  }
  const { cpu, memory, disk, available, detail, months, currency } = usage.data;
  const [month] = months;
  const cores = new Intl.NumberFormat(tag, { maximumFractionDigits: 2 });
  const bytes = (value: number) => formatBytes(value, tag);
  const rows = [
    { label: t("create.cpu"), amount: cpu, format: (value: number) => cores.format(value) },
    { label: t("create.memory"), amount: memory, format: bytes },
    { label: t("detail.volume"), amount: disk, format: bytes },
  ];
  return (
    <>
      {!available && (
        <p className={styles.sentence} lang="en">
          {detail}
        </p>
      )}
      <dl className={styles.pairs}>
        {rows.map(({ label, amount, format }) => {
          const used = amount.used === null ? t("unknown") : format(amount.used);
          const text =
            amount.limit === null
              ? t("detail.used", { used })
              : t("detail.used-of", { used, limit: format(amount.limit) });
          return (
            <div key={label} className={styles.pair}>
              <dt>{label}</dt>
              <dd>
                {text}
                {amount.used !== null && amount.limit !== null && (
                  <meter className={styles.meter} aria-label={label} min={0} max={amount.limit} value={amount.used} />
                )}
              </dd>
            </div>
          );
        })}
        {month !== undefined && (
          <div className={styles.pair}>
            <dt>{t("detail.month")}</dt>
            <dd>
              {t("usage.month", monthValues(month, tag))}
              {currency !== null && month.cost !== null && (
                <p className={styles.sentence}>{t("usage.cost", { cost: formatCost(month.cost, currency, tag) })}</p>
              )}
            </dd>
          </div>
        )}
      </dl>
    </>
  );
}
