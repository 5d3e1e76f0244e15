import { IconCode } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useEnvironments } from "../../api/live";
import type { EnvironmentView } from "../../api/schema";
import { Actions } from "../../environments/Actions";
import { DeleteDialog } from "../../environments/DeleteDialog";
import { SafeModeNote } from "../../environments/SafeModeNote";
import { TrialNote } from "../../environments/TrialNote";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Callout } from "../../ui/Callout";
import { Skeleton } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { pageTo } from "../../ui/pageTo";
import { Status } from "../../ui/Status";
import { Failure, Loading } from "../../ui/states";
import styles from "./DetailPage.module.css";
import { Events } from "./Events";
import { Facts } from "./Facts";
import { Logs } from "./logs/Logs";
import { Manifest } from "./Manifest";
import { Overview } from "./Overview";
import { Ports } from "./Ports";
import { ReplacedNote } from "./ReplacedNote";
import { Settings } from "./settings/Settings";
import { Timeline } from "./Timeline";
import { Troubles } from "./Trouble";
import { Usage } from "./Usage";
import { Waiting } from "./Waiting";

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

const TABS = ["overview", "timeline", "events", "logs", "ports", "usage", "settings", "yaml"] as const;
type Tab = (typeof TABS)[number];

interface PartProps {
  readonly environment: EnvironmentView;
  readonly gone: boolean;
}

function Detail({ environment, gone }: PartProps) {
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
      {!gone && environment.trial && (
        <Callout tone="plain" title={t("trial.title")}>
          <TrialNote environment={environment} />
        </Callout>
      )}
      {!gone && <SafeModeNote environment={environment} />}
      {!gone && <Troubles environment={environment} />}
      {!gone && <ReplacedNote environment={environment} />}
      {!gone && <Waiting environment={environment} />}
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
            <Body tab={current} environment={environment} gone={gone} />
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

function Body({ tab, environment, gone }: PartProps & { readonly tab: Tab }) {
  const { t } = useTexts();
  if (gone && !["overview", "timeline", "ports"].includes(tab)) {
    return <p className={styles.sentence}>{t("detail.gone")}</p>;
  }
  switch (tab) {
    case "overview":
      return <Overview environment={environment} gone={gone} />;
    case "timeline":
      return <Timeline environment={environment} />;
    case "events":
      return <Events environment={environment} />;
    case "logs":
      return <Logs key={environment.uid} environment={environment} />;
    case "ports":
      return <Ports environment={environment} gone={gone} />;
    case "usage":
      return <Usage environment={environment} />;
    case "settings":
      return <Settings key={environment.uid} environment={environment} />;
    case "yaml":
      return <Manifest environment={environment} />;
  }
}
