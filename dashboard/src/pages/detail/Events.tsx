import { useQuery } from "@tanstack/react-query";
import { client, take } from "../../api/client";
import type { EnvironmentView, EventView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { isKnown, type Translate, useTexts } from "../../i18n";
import { Skeleton } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import styles from "./DetailPage.module.css";

/** What the cluster has told about the environment, its pod and its disk; read again when its phase changes. */
export function Events({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { namespace, name, uid, phase } = environment;
  const events = useQuery({
    queryKey: ["events", uid, phase],
    queryFn: ({ signal }) =>
      take(
        client.GET("/api/v1/namespaces/{namespace}/environments/{name}/events", {
          params: { path: { namespace, name } },
          signal,
        }),
      ),
    refetchInterval: 15_000,
  });
  if (events.isError) {
    return <Failure error={events.error} onRetry={() => events.refetch()} />;
  }
  if (events.data === undefined) {
    return (
      <Loading onRetry={() => events.refetch()}>
        <Skeleton height={120} animate={false} />
      </Loading>
    );
  }
  if (events.data.items.length === 0) {
    return <p className={styles.sentence}>{t("detail.no-events")}</p>;
  }
  return (
    <ul className={styles.events}>
      {events.data.items.map((event) => (
        <li key={event.about + event.object + event.reason + event.message} data-type={event.type}>
          <span className={styles.eventHead}>
            <strong>{titleOf(event, t)}</strong>
            <span className={styles.dim}>
              {t(`detail.about.${event.about}`)}
              {event.count > 1 && ` · ${t("detail.times", { count: event.count })}`}
              {" · "}
              <Ago time={event.lastSeen} />
            </span>
          </span>
          <span lang="en">{event.message}</span>
        </li>
      ))}
    </ul>
  );
}

/** Our own reasons have titles; Kubernetes' words stay as they are. */
function titleOf({ about, reason }: EventView, t: Translate): string {
  const key = `reason.${reason}`;
  return about === "Environment" && isKnown(key) ? t(key) : reason;
}
