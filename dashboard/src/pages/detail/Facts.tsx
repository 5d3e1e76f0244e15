import type { ReactNode } from "react";
import type { EnvironmentView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { StopClock } from "../../environments/StopClock";
import { TemplateName } from "../../environments/TemplateName";
import { useTemplateNames } from "../../environments/useTemplateNames";
import { useTexts } from "../../i18n";
import { formatBytes } from "../../model/quantities";
import { formatDuration } from "../../model/times";
import styles from "./DetailPage.module.css";

/** What there is to know about an environment at a glance, beside every tab. */
export function Facts({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  const { cpu, memory, disk, startedAt, readyAt, stopsAt } = environment;
  const took = Date.parse(readyAt ?? "") - Date.parse(startedAt ?? "");
  const facts: readonly [label: string, value: ReactNode][] = [
    [t("detail.template"), <BothNames key="template" template={environment.template} />],
    [t("create.size"), cpu === "" || memory === "" ? "" : t("create.size-short", { cpu, memory })],
    [t("create.image"), environment.image],
    [t("detail.project"), environment.namespace],
    [t("detail.owner"), environment.owner],
    [t("detail.node"), environment.node],
    [t("detail.volume"), environment.volume],
    [t("detail.storage"), disk.size === null ? environment.storage : formatBytes(disk.size, tag)],
    [t("detail.policy"), t(`create.policy.${environment.dataPolicy}`)],
    [t("detail.restarts"), environment.restarts],
    [t("detail.last-start"), took >= 0 ? formatDuration(took, tag) : ""],
    [t("detail.created"), <Ago key="created" time={environment.createdAt} />],
    [t("detail.activity"), <Ago key="activity" time={environment.lastActivity} />],
    [t("detail.stop"), stopsAt === null ? "" : <StopClock key="stop" environment={{ ...environment, stopsAt }} />],
  ];
  return (
    <section className={styles.facts} aria-label={t("detail.facts")}>
      <h2 className={styles.heading}>{t("detail.facts")}</h2>
      <dl className={styles.pairs}>
        {facts.map(([label, value]) =>
          value === "" ? null : (
            <div key={label} className={styles.pair}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  );
}

/** As people know it, and as the cluster does where that is another word. */
function BothNames({ template }: { readonly template: string }) {
  const told = useTemplateNames().get(template);
  return (
    <>
      <TemplateName name={template} told={told} />
      {told !== undefined && told.text !== template && <div className={styles.dim}>{template}</div>}
    </>
  );
}
