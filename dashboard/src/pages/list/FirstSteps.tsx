import { useTemplates } from "../../api/queries";
import { useTexts } from "../../i18n";
import { Message } from "../../ui/states";
import { TemplateLink } from "../templates/TemplateLink";
import styles from "./FirstSteps.module.css";

const SHOWN = 6;

/** Where there is no environment yet: what one is, and the templates that the first one can be made from. */
export function FirstSteps() {
  const { t } = useTexts();
  const templates = useTemplates();
  const offered = (templates.data ?? []).filter(({ usable, state }) => usable && state === "Active").slice(0, SHOWN);
  return (
    <section className={styles.panel} aria-label={t("nav.environments")}>
      <Message title={t("list.empty")} text={t("list.empty-hint")}>
        {templates.isSuccess && offered.length === 0 && (
          <p>
            <strong>{t("create.no-template")}</strong> {t("create.no-template-hint")}
          </p>
        )}
        <ul className={styles.cards}>
          {offered.map((template) => (
            <li key={template.name}>
              <TemplateLink template={template} />
            </li>
          ))}
        </ul>
      </Message>
    </section>
  );
}
