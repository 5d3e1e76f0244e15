import { useTemplates } from "../../api/queries";
import { useTexts } from "../../i18n";
import { Message } from "../../ui/states";
import styles from "./FirstSteps.module.css";
import { offeredOf, TemplateCards } from "./TemplateCards";

/** Where there is no environment yet: what one is, and the templates that the first one can be made from. */
export function FirstSteps() {
  const { t } = useTexts();
  const templates = useTemplates();
  const offered = offeredOf(templates.data ?? []);
  return (
    <section className={styles.panel} aria-label={t("nav.environments")}>
      <Message title={t("list.empty")} text={t("list.empty-hint")}>
        {templates.isSuccess && offered.length === 0 && (
          <p>
            <strong>{t("create.no-template")}</strong> {t("create.no-template-hint")}
          </p>
        )}
        <TemplateCards templates={offered} />
      </Message>
    </section>
  );
}
