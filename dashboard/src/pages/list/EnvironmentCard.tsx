import type { ReactNode } from "react";
import type { EnvironmentView } from "../../api/schema";
import { Condition } from "../../environments/Condition";
import { GitMark } from "../../environments/GitMark";
import { useTexts } from "../../i18n";
import { PageLink } from "../../ui/PageLink";
import { RowCheck } from "../../ui/RowControls";
import styles from "./EnvironmentCard.module.css";
import { detailPath } from "./rows";

interface EnvironmentCardProps {
  readonly environment: EnvironmentView;
  /** It has been deleted while somebody looked at it. */
  readonly gone?: boolean;
  readonly selected: boolean;
  readonly onSelect: (on: boolean) => void;
  readonly facts: readonly (readonly [label: string, value: ReactNode])[];
  readonly children?: ReactNode;
}

/** One environment where there is no room for a table's row, or by choice. */
export function EnvironmentCard(props: EnvironmentCardProps) {
  const { environment, gone = false, selected, onSelect, facts, children } = props;
  const { t } = useTexts();
  return (
    <li
      className={styles.card}
      data-uid={environment.uid}
      data-phase={environment.phase}
      data-reason={environment.reason}
      data-gone={gone || undefined}
    >
      <div className={styles.head}>
        <h2 className={styles.name}>
          <PageLink to={detailPath(environment)} className={styles.link}>
            {environment.displayName}
          </PageLink>
        </h2>
        <RowCheck
          label={t("list.select", { name: environment.displayName })}
          checked={selected}
          disabled={gone}
          onChange={onSelect}
        />
      </div>
      {gone ? <p className={styles.gone}>{t("list.deleted")}</p> : <Condition environment={environment} />}
      {!gone && <GitMark git={environment.git} />}
      <dl className={styles.facts}>
        {facts.map(([label, value]) => (
          <div key={label} className={styles.fact}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {children}
    </li>
  );
}

export function EnvironmentCards({ children }: { readonly children: ReactNode }) {
  return <ul className={styles.cards}>{children}</ul>;
}
