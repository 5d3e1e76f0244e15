import { IconUserCog } from "@tabler/icons-react";
import { useMe, useNamespaces } from "../../api/queries";
import type { Me } from "../../api/schema";
import { embedded, serverPath } from "../../base";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Button, Skeleton } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import styles from "./MePage.module.css";
import { Programs } from "./Programs";
import { Settings } from "./Settings";

/** What this browser does for the person, and who the server takes them for. */
export function MePage() {
  const { t } = useTexts();
  const me = useMe();
  return (
    <>
      <Banner icon={IconUserCog} title={t("me.title")} description={t("me.description")} />
      <div className={styles.columns}>
        <Settings />
        <Identity />
        {!embedded && <Sessions />}
        {!embedded && <Programs me={me.data} />}
      </div>
    </>
  );
}

function Identity() {
  const { t } = useTexts();
  const me = useMe();
  return (
    <section className={styles.panel} aria-label={t("me.identity")}>
      <h2 className={styles.heading}>{t("me.identity")}</h2>
      {me.data !== undefined ? (
        <Facts me={me.data} />
      ) : me.isError ? (
        <Failure error={me.error} onRetry={() => me.refetch()} />
      ) : (
        <Loading onRetry={() => me.refetch()}>
          <Skeleton height={260} animate={false} />
        </Loading>
      )}
    </section>
  );
}

function Facts({ me }: { readonly me: Me }) {
  const { t } = useTexts();
  const rights = [
    ["me.may.create", me.mayCreate],
    ["me.may.see-all", me.seesAll],
    ["me.may.templates-create", me.templates.create],
    ["me.may.templates-edit", me.templates.edit],
    ["me.may.templates-delete", me.templates.delete],
  ] as const;
  return (
    <dl className={styles.facts}>
      <dt>{t("me.name")}</dt>
      <dd>{me.name}</dd>
      <dt>{t("me.groups")}</dt>
      <dd>{me.groups.length === 0 ? t("none") : me.groups.join(", ")}</dd>
      <dt>{t("me.projects")}</dt>
      <dd>
        <Projects />
      </dd>
      {rights.map(([label, allowed]) => (
        <div key={label} className={styles.right} data-allowed={allowed}>
          <dt>{t(label)}</dt>
          <dd>{t(allowed ? "yes" : "no")}</dd>
        </div>
      ))}
      <dt>{t("me.version")}</dt>
      <dd>{me.version}</dd>
    </dl>
  );
}

function Projects() {
  const { t } = useTexts();
  const namespaces = useNamespaces();
  if (namespaces.data === undefined) {
    return t(namespaces.isError ? "unknown" : "state.loading");
  }
  return namespaces.data.length === 0 ? t("none") : namespaces.data.map(({ name }) => name).join(", ");
}

function Sessions() {
  const { t } = useTexts();
  return (
    <section className={styles.panel} aria-label={t("me.sessions")}>
      <h2 className={styles.heading}>{t("me.sessions")}</h2>
      <p className={styles.text}>{t("me.sessions-hint")}</p>
      <div className={styles.buttons}>
        <form method="post" action={serverPath("/signout")}>
          <Button type="submit" variant="default">
            {t("shell.signout")}
          </Button>
        </form>
        <form method="post" action={serverPath("/signout-everywhere")}>
          <Button type="submit" variant="default">
            {t("shell.signout-everywhere")}
          </Button>
        </form>
      </div>
    </section>
  );
}
