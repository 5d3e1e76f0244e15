import { Actions } from "../../environments/Actions";
import { Ago } from "../../environments/Ago";
import { Condition } from "../../environments/Condition";
import { useTexts } from "../../i18n";
import { Checkbox } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import styles from "./Cards.module.css";
import { detailPath, type RowsProps, toggle } from "./rows";

/** The same facts as in the table, for narrow screens and for those who like cards. */
export function Cards({ rows, known, selected, onSelect, onDelete }: RowsProps) {
  const { t } = useTexts();
  return (
    <ul className={styles.cards}>
      {rows.map((environment) => {
        const { uid } = environment;
        const gone = !known.has(uid);
        return (
          <li
            key={uid}
            className={styles.card}
            data-uid={uid}
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
              <Checkbox
                aria-label={t("list.select", { name: environment.displayName })}
                checked={selected.has(uid)}
                disabled={gone}
                onChange={({ currentTarget: { checked } }) => onSelect((before) => toggle(before, uid, checked))}
              />
            </div>
            {gone ? <p className={styles.gone}>{t("list.deleted")}</p> : <Condition environment={environment} />}
            <dl className={styles.facts}>
              <dt>{t("list.column.template")}</dt>
              <dd>{environment.template}</dd>
              <dt>{t("list.column.project")}</dt>
              <dd>{environment.namespace}</dd>
              <dt>{t("list.column.activity")}</dt>
              <dd>
                <Ago time={environment.lastActivity} />
              </dd>
            </dl>
            {!gone && <Actions environment={environment} onDelete={() => onDelete(environment)} />}
          </li>
        );
      })}
    </ul>
  );
}
