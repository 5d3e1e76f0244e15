import { Link } from "react-router";
import type { TemplateView } from "../../api/schema";
import { pageTo } from "../../ui/pageTo";
import { TemplateFace } from "./TemplateFace";
import styles from "./TemplateLink.module.css";

/** A template as a card that leads to the page which creates from it. */
export function TemplateLink({ template }: { readonly template: TemplateView }) {
  return (
    <Link
      to={pageTo(`/new?template=${encodeURIComponent(template.name)}`)}
      state={{ own: true }}
      className={styles.card}
    >
      <TemplateFace template={template} />
    </Link>
  );
}
