import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import styles from "./AdminTable.module.css";

/** How far the image is on its way to the nodes, and what keeps it from some of them. */
export function PrePull({ ready, wanted, message }: NonNullable<TemplateView["prePull"]>) {
  const { t } = useTexts();
  const progress =
    wanted === 0
      ? t("templates.pre-pull.unknown")
      : ready === wanted
        ? t("templates.pre-pull.done", { count: wanted })
        : t("templates.pre-pull.progress", { ready, wanted });
  return (
    <>
      <div className={styles.dim}>{progress}</div>
      {message !== "" && <div className={styles.problem}>{message}</div>}
    </>
  );
}
