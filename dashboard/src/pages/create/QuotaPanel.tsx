import { useMemo } from "react";
import { useEnvironments } from "../../api/live";
import { useMe } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { formatAmount } from "../../environments/shortages";
import { useActions } from "../../environments/useActions";
import { useTexts } from "../../i18n";
import { canDo } from "../../model/phases";
import { isOwn, type QuotaLine } from "../../model/quota";
import { Button } from "../../ui/kit";
import { Status } from "../../ui/Status";
import styles from "./QuotaPanel.module.css";
import type { Quota } from "./useQuota";

const MOST_OFFERED = 5;

interface QuotaPanelProps {
  readonly namespace: string;
  readonly quota: Quota;
}

/** What the project allows, and what this environment takes of it; where it does not fit, what could be stopped. */
export function QuotaPanel({ namespace, quota }: QuotaPanelProps) {
  const { t } = useTexts();
  if (quota.state === "loading" || quota.state === "none") {
    return null;
  }
  if (quota.state === "unknown") {
    return <p className={styles.quiet}>{t("quota.unknown", { namespace })}</p>;
  }
  const short = quota.lines.filter(({ fits }) => !fits);
  return (
    <section className={styles.panel} aria-label={t("quota.title", { namespace })} data-field="quota" tabIndex={-1}>
      <Lines title={t("quota.title", { namespace })} lines={quota.lines.filter((line) => !isOwn(line))} />
      <Lines title={t("quota.own-title")} lines={quota.lines.filter(isOwn)} />
      <div role="status">
        {quota.broken.map(({ label, measure, kind, bound, needs }) => (
          <p key={`${label}-${kind}`} className={styles.short}>
            {t(kind === "most" ? "quota.most" : "quota.least", {
              resource: t(`quota.resource.${label}`),
              bound: formatAmount(bound, measure),
              needs: formatAmount(needs, measure),
            })}
          </p>
        ))}
        {short.length > 0 && (
          <p className={styles.short}>
            {t("quota.short", {
              resources: short.map(({ label }) => t(`quota.resource.${label}`)).join(t("quota.and")),
            })}
          </p>
        )}
      </div>
      {short.some(({ freedByStop }) => freedByStop) && (
        <Stoppable namespace={short.every(isOwn) ? undefined : namespace} />
      )}
      {short.some(({ freedByStop }) => !freedByStop) && <p className={styles.quiet}>{t("quota.delete-hint")}</p>}
    </section>
  );
}

function Lines({ title, lines }: { readonly title: string; readonly lines: readonly QuotaLine[] }) {
  return (
    lines.length > 0 && (
      <>
        <h2 className={styles.title}>{title}</h2>
        <dl className={styles.lines}>
          {lines.map((line) => (
            <Line key={line.label} line={line} />
          ))}
        </dl>
      </>
    )
  );
}

function Line({ line }: { readonly line: QuotaLine }) {
  const { t } = useTexts();
  const label = t(`quota.resource.${line.label}`);
  const [used, needs, hard] = [line.used, line.needs, line.hard].map((value) => formatAmount(value, line.measure));
  const share = (value: number) => `${Math.min(100, line.hard === 0 ? 100 : (100 * value) / line.hard)}%`;
  return (
    <div className={styles.line} data-quota={line.label} data-fits={line.fits}>
      <dt>{label}</dt>
      <dd>
        {t("quota.line", { used: used ?? "", needs: needs ?? "", hard: hard ?? "" })}
        <span className={styles.bar} aria-hidden>
          <span className={styles.used} style={{ width: share(line.used) }} />
          <span className={styles.needs} style={{ width: share(line.needs) }} />
        </span>
      </dd>
    </div>
  );
}

/** Running environments that this person may stop, longest unused first; of the project, or without one the own ones. */
function Stoppable({ namespace }: { readonly namespace: string | undefined }) {
  const { t } = useTexts();
  const { run, pending } = useActions();
  const environments = useEnvironments();
  const { data: me } = useMe();
  const found = useMemo(
    () =>
      [...(environments.data?.values() ?? [])]
        .filter((found) => (namespace === undefined ? found.owner === me?.name : found.namespace === namespace))
        .filter((environment) => canDo(environment, "stop"))
        .sort((one, other) => lastUsed(one) - lastUsed(other)),
    [environments.data, me, namespace],
  );
  if (found.length === 0) {
    return <p className={styles.quiet}>{t("quota.nothing-to-stop")}</p>;
  }
  return (
    <div>
      <p className={styles.quiet}>{t(namespace === undefined ? "quota.stop-own" : "quota.stop-one")}</p>
      <ul className={styles.others}>
        {found.slice(0, MOST_OFFERED).map((environment) => (
          <li key={environment.uid} className={styles.other} data-uid={environment.uid}>
            <span className={styles.name}>{environment.displayName}</span>
            <Status phase={environment.phase} />
            <span className={styles.size}>
              {t("create.size-short", { cpu: environment.cpu, memory: environment.memory })}
            </span>
            <span className={styles.size}>
              <Ago time={environment.lastActivity} />
            </span>
            <Button
              variant="default"
              size="xs"
              loading={pending?.environment.uid === environment.uid}
              onClick={() => run({ environment, action: "stop" })}
            >
              {t("quota.stop", { name: environment.displayName })}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function lastUsed(environment: EnvironmentView): number {
  return Date.parse(environment.lastActivity ?? environment.readyAt ?? environment.createdAt) || 0;
}
