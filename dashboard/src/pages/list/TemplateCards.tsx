import type { TemplateView } from "../../api/schema";
import { TemplateLink } from "../templates/TemplateLink";
import styles from "./FirstSteps.module.css";

const SHOWN = 6;

/** The templates that somebody may begin with, as far as there is room to choose at a glance. */
export function offeredOf(templates: readonly TemplateView[]): readonly TemplateView[] {
  return templates.filter(({ usable, state }) => usable && state === "Active").slice(0, SHOWN);
}

export function TemplateCards({ templates }: { readonly templates: readonly TemplateView[] }) {
  return (
    <ul className={styles.cards}>
      {templates.map((template) => (
        <li key={template.name}>
          <TemplateLink template={template} />
        </li>
      ))}
    </ul>
  );
}
