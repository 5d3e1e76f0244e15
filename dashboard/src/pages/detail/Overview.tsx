import { IconExternalLink } from "@tabler/icons-react";
import type { EnvironmentView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { editorAddress } from "../../environments/editorAddress";
import { GitState } from "../../environments/GitState";
import { isKnown, useTexts } from "../../i18n";
import { CopyButton } from "../../ui/CopyButton";
import { Details } from "../../ui/states";
import styles from "./DetailPage.module.css";

interface OverviewProps {
  readonly environment: EnvironmentView;
  readonly gone: boolean;
}

/** How to get in, and how the operator sees it. */
export function Overview({ environment, gone }: OverviewProps) {
  const { t } = useTexts();
  return (
    <>
      <h2 className={styles.heading}>{t("detail.ways")}</h2>
      <dl className={styles.pairs}>
        <div className={styles.pair}>
          <dt>{t("detail.browser")}</dt>
          <dd className={styles.copied}>
            {gone ? (
              environment.url
            ) : (
              <a href={editorAddress(environment)} target="_blank" rel="noopener" className={styles.address}>
                {environment.url} <IconExternalLink size={14} aria-hidden />{" "}
                <span className={styles.unseen}>{t("new-tab")}</span>
              </a>
            )}
            <CopyButton text={environment.url} about={environment.url} />
          </dd>
        </div>
      </dl>
      {!gone && environment.git !== null && <GitState environment={environment} git={environment.git} />}
      {environment.conditions.length > 0 && (
        <div className={styles.conditions}>
          <Details summary={t("detail.conditions")}>
            <Conditions environment={environment} />
          </Details>
        </div>
      )}
    </>
  );
}

/** The operator's conditions, as `kubectl describe` shows them. */
function Conditions({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  return (
    <ul className={styles.events}>
      {environment.conditions.map(({ type, status, reason, message, lastTransitionTime }) => {
        const title = `reason.${reason}`;
        return (
          <li key={type}>
            <span className={styles.eventHead}>
              <strong lang="en">{`${type}=${status}`}</strong>
              <span className={styles.dim}>
                {isKnown(title) ? t(title) : reason}
                {" · "}
                <Ago time={lastTransitionTime} />
              </span>
            </span>
            <span lang="en">{message}</span>
          </li>
        );
      })}
    </ul>
  );
}
