import { Condition } from "../../environments/Condition";
import { useTexts } from "../../i18n";
import { Checkbox } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { detailPath, toggle } from "../list/rows";
import styles from "./AdminCards.module.css";
import { type AdminRowsProps, Idle } from "./AdminTable";

/** The table's rows where there is no room for a table. */
export function AdminCards({ rows, selected, onSelect }: AdminRowsProps) {
  const { t } = useTexts();
  return (
    <ul className={styles.cards}>
      {rows.map((environment) => (
        <li key={environment.uid} className={styles.card} data-uid={environment.uid} data-phase={environment.phase}>
          <div className={styles.head}>
            <h2 className={styles.name}>
              <PageLink to={detailPath(environment)} className={styles.link}>
                {environment.displayName}
              </PageLink>
            </h2>
            <Checkbox
              aria-label={t("list.select", { name: environment.displayName })}
              checked={selected.has(environment.uid)}
              onChange={(event) => onSelect(toggle(selected, environment.uid, event.currentTarget.checked))}
            />
          </div>
          <Condition environment={environment} />
          <dl className={styles.facts}>
            <dt>{t("admin.column.owner")}</dt>
            <dd>{environment.owner}</dd>
            <dt>{t("admin.column.project")}</dt>
            <dd>{environment.namespace}</dd>
            <dt>{t("admin.column.idle")}</dt>
            <dd>
              <Idle environment={environment} />
            </dd>
            <dt>{t("admin.column.size")}</dt>
            <dd>{t("create.size-short", { cpu: environment.cpu, memory: environment.memory })}</dd>
          </dl>
        </li>
      ))}
    </ul>
  );
}
