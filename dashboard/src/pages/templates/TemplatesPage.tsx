import { IconTemplate } from "@tabler/icons-react";
import { useTemplates } from "../../api/queries";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Skeleton } from "../../ui/kit";
import { Failure, Loading, Message } from "../../ui/states";
import { TemplateLink } from "./TemplateLink";
import styles from "./TemplatesPage.module.css";

const SKELETONS = ["one", "two", "three", "four"];

/** The catalogue; a card leads to the page that creates from it. */
export function TemplatesPage() {
  const { t } = useTexts();
  const templates = useTemplates();
  const offered = templates.data?.filter(({ usable }) => usable);
  return (
    <>
      <Banner icon={IconTemplate} title={t("nav.templates")} description={t("templates.description")} />
      <section className={styles.panel} aria-label={t("nav.templates")}>
        {templates.isError ? (
          <Failure error={templates.error} onRetry={() => templates.refetch()} />
        ) : offered === undefined ? (
          <Loading onRetry={() => templates.refetch()}>
            <div className={styles.cards}>
              {SKELETONS.map((key) => (
                <Skeleton key={key} height={112} animate={false} />
              ))}
            </div>
          </Loading>
        ) : offered.length === 0 ? (
          <Message title={t("create.no-template")} text={t("create.no-template-hint")} />
        ) : (
          <ul className={styles.cards}>
            {offered.map((template) => (
              <li key={template.name}>
                <TemplateLink template={template} />
              </li>
            ))}
          </ul>
        )}
      </section>
    </>
  );
}
