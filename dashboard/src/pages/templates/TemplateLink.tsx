import { Link } from "react-router";
import type { TemplateView } from "../../api/schema";
import { pageTo } from "../../ui/pageTo";
import { newFrom, SuccessorLink } from "./Successor";
import { TemplateFace } from "./TemplateFace";
import styles from "./TemplateLink.module.css";

/** A template as a card that leads to the page which creates from it. */
export function TemplateLink({ template }: { readonly template: TemplateView }) {
  return (
    <div className={styles.place}>
      <Link to={pageTo(newFrom(template.name))} state={{ own: true }} className={styles.card}>
        <TemplateFace template={template} />
      </Link>
      <SuccessorLink template={template} className={styles.successor} />
    </div>
  );
}
