import { Link } from "react-router";
import { useTemplates } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { offeredInstead, titleOf } from "../../model/templates";
import { Callout } from "../../ui/Callout";
import { pageTo } from "../../ui/pageTo";
import { newFrom } from "../templates/Successor";
import styles from "./DetailPage.module.css";

/** Says of an environment whose template is deprecated, or was replaced, what there is to do about it. */
export function ReplacedNote({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  // Of no project: who may not create in the environment's own is told all the same.
  const template = useTemplates().data?.find(({ name }) => name === environment.template);
  const successor = offeredInstead(template);
  if (template === undefined || (template.state !== "Deprecated" && successor === undefined)) {
    return null;
  }
  const name = titleOf(template, tag);
  if (successor === undefined) {
    return (
      <Callout tone="plain" title={t("detail.deprecated", { name })}>
        {template.stateMessage !== "" && <p className={styles.sentence}>{template.stateMessage}</p>}
        <p className={styles.sentence}>{t("detail.deprecated-hint")}</p>
      </Callout>
    );
  }
  const instead = titleOf(successor, tag);
  return (
    <Callout tone="plain" title={t("create.replaced", { name, successor: instead })}>
      {template.stateMessage !== "" && <p className={styles.sentence}>{template.stateMessage}</p>}
      <p className={styles.sentence}>{t("detail.replaced-hint", { successor: instead })}</p>
      <div className={styles.next}>
        <Link to={pageTo(newFrom(successor.name, environment.namespace))} state={{ own: true }}>
          {t("detail.replaced-create", { successor: instead })}
        </Link>
      </div>
    </Callout>
  );
}
