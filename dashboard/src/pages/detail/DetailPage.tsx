import { IconCode, IconExternalLink } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useEnvironments } from "../../api/live";
import type { EnvironmentView } from "../../api/schema";
import { Actions } from "../../environments/Actions";
import { Ago } from "../../environments/Ago";
import { reasonTitle } from "../../environments/Condition";
import { DeleteDialog } from "../../environments/DeleteDialog";
import { editorAddress } from "../../environments/editorAddress";
import { useTexts } from "../../i18n";
import { isTroubled } from "../../model/phases";
import { Banner } from "../../ui/Banner";
import { Callout } from "../../ui/Callout";
import { Skeleton } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { pageTo } from "../../ui/pageTo";
import { Status } from "../../ui/Status";
import { Details, Failure, Loading } from "../../ui/states";
import styles from "./DetailPage.module.css";
import { Events } from "./Events";
import { Timeline } from "./Timeline";
import { Usage } from "./Usage";

/** One environment. A foreign one and one that is not there look the same. */
export function DetailPage() {
  const { t } = useTexts();
  const { namespace, name } = useParams();
  const environments = useEnvironments();
  const found = [...(environments.data?.values() ?? [])].find(
    (environment) => environment.namespace === namespace && environment.name === name,
  );
  // One that is deleted while somebody reads about it stays readable.
  const last = useRef<EnvironmentView>(undefined);
  if (found !== undefined) {
    last.current = found;
  }
  const remembered = last.current?.namespace === namespace && last.current?.name === name ? last.current : undefined;
  const shown = found ?? remembered;
  return (
    <>
      <PageLink to="/envs" className={styles.back}>
        {t("detail.back")}
      </PageLink>
      {shown !== undefined ? (
        <Detail environment={shown} gone={found === undefined && environments.isSuccess} />
      ) : environments.isError ? (
        <Failure error={environments.error} onRetry={() => environments.refetch()} />
      ) : environments.data === undefined ? (
        <Loading onRetry={() => environments.refetch()}>
          <Skeleton height={88} mb={12} animate={false} />
          <Skeleton height={320} animate={false} />
        </Loading>
      ) : (
        <>
          <Banner icon={IconCode} title={t("missing.title")} description={t("missing.environment")} />
          <PageLink to="/envs">{t("missing.back")}</PageLink>
        </>
      )}
    </>
  );
}

const TABS = ["overview", "timeline", "events", "usage"] as const;

function Detail({ environment, gone }: { readonly environment: EnvironmentView; readonly gone: boolean }) {
  const { t } = useTexts();
  const navigate = useNavigate();
  const { tab } = useParams();
  const [doomed, setDoomed] = useState<readonly EnvironmentView[]>([]);
  const current = TABS.find((known) => known === tab) ?? "overview";
  const place = `/envs/${environment.namespace}/${environment.name}`;
  return (
    <>
      <Banner
        icon={IconCode}
        title={environment.displayName}
        description={environment.description || `${environment.namespace} / ${environment.name}`}
        aside={
          gone ? undefined : (
            <div className={styles.aside}>
              <Status phase={environment.phase} />
              <Actions environment={environment} onDelete={() => setDoomed([environment])} />
            </div>
          )
        }
      />
      {gone && (
        <Callout tone="plain" title={t("detail.deleted")}>
          {t("detail.deleted-hint")}
        </Callout>
      )}
      {!gone && isTroubled(environment) && <Trouble environment={environment} />}
      {!gone && environment.templateOutdated && (
        <Callout tone="warning" title={t("phase.NeedsRestart")}>
          {t("detail.outdated")}
        </Callout>
      )}
      <div className={styles.columns}>
        <Facts environment={environment} />
        <section className={styles.content} aria-label={t("detail.tabs")}>
          <nav className={styles.tabs} aria-label={t("detail.tabs")}>
            {TABS.map((known) => (
              <PageLink
                key={known}
                to={known === "overview" ? place : `${place}/${known}`}
                className={styles.tab}
                current={known === current}
              >
                {t(`detail.tab.${known}`)}
              </PageLink>
            ))}
          </nav>
          <div className={styles.body}>
            {current === "overview" && <Overview environment={environment} gone={gone} />}
            {current === "timeline" && <Timeline environment={environment} />}
            {current === "events" && <Events environment={environment} />}
            {current === "usage" && <Usage environment={environment} />}
          </div>
        </section>
      </div>
      <DeleteDialog
        environments={doomed}
        onClose={(deleted) => {
          setDoomed([]);
          if (deleted.size > 0) {
            void navigate(pageTo("/envs"));
          }
        }}
      />
    </>
  );
}

function Trouble({ environment }: { readonly environment: EnvironmentView }) {
  const texts = useTexts();
  const { t } = texts;
  const waiting = environment.phase === "Pending";
  const title = reasonTitle(environment, texts) || t(`phase.${environment.phase}`);
  return (
    <Callout title={title} tone={waiting ? "warning" : "failed"}>
      <p className={styles.sentence} lang="en">
        {environment.message}
      </p>
      <Details summary={t("detail.technical")}>
        <dl className={styles.technical}>
          <dt>{t("detail.object")}</dt>
          <dd>{`workspaceinstance/${environment.name} (${environment.namespace})`}</dd>
          <dt>{t("detail.reason")}</dt>
          <dd>{environment.reason}</dd>
          <dt>{t("detail.message")}</dt>
          <dd>{environment.message}</dd>
        </dl>
      </Details>
    </Callout>
  );
}

function Facts({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const plain = [
    ["detail.template", environment.template],
    ["detail.project", environment.namespace],
    ["detail.owner", environment.owner],
    ["detail.node", environment.node],
    ["detail.volume", environment.volume],
    ["detail.storage", environment.storage],
  ] as const;
  return (
    <section className={styles.facts} aria-label={t("detail.facts")}>
      <h2 className={styles.heading}>{t("detail.facts")}</h2>
      <dl className={styles.pairs}>
        {plain.map(([label, value]) =>
          value === "" ? null : (
            <div key={label} className={styles.pair}>
              <dt>{t(label)}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
        <div className={styles.pair}>
          <dt>{t("detail.policy")}</dt>
          <dd>{t(`create.policy.${environment.dataPolicy}`)}</dd>
        </div>
        <div className={styles.pair}>
          <dt>{t("detail.restarts")}</dt>
          <dd>{environment.restarts}</dd>
        </div>
        <div className={styles.pair}>
          <dt>{t("detail.created")}</dt>
          <dd>
            <Ago time={environment.createdAt} />
          </dd>
        </div>
        <div className={styles.pair}>
          <dt>{t("detail.activity")}</dt>
          <dd>
            <Ago time={environment.lastActivity} />
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Overview({ environment, gone }: { readonly environment: EnvironmentView; readonly gone: boolean }) {
  const { t } = useTexts();
  return (
    <>
      <h2 className={styles.heading}>{t("detail.ways")}</h2>
      <dl className={styles.pairs}>
        <div className={styles.pair}>
          <dt>{t("detail.browser")}</dt>
          <dd>
            {gone ? (
              environment.url
            ) : (
              <a href={editorAddress(environment)} target="_blank" rel="noopener" className={styles.address}>
                {environment.url} <IconExternalLink size={14} aria-hidden />{" "}
                <span className={styles.unseen}>{t("new-tab")}</span>
              </a>
            )}
          </dd>
        </div>
      </dl>
      <h2 className={styles.heading}>{t("detail.ports")}</h2>
      {environment.ports.length === 0 ? (
        <p className={styles.sentence}>{t("detail.no-ports")}</p>
      ) : (
        <>
          <p className={styles.sentence}>{t("detail.ports-hint")}</p>
          <ul className={styles.ports}>
            {environment.ports.map((port) => (
              <li key={port.port}>
                <span className={styles.number}>{port.port}</span> {port.name}{" "}
                {environment.phase === "Running" && !gone ? (
                  <a href={port.url} target="_blank" rel="noopener" className={styles.address}>
                    {port.url} <span className={styles.unseen}>{t("new-tab")}</span>
                  </a>
                ) : (
                  <span className={styles.dim}>{port.url}</span>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
