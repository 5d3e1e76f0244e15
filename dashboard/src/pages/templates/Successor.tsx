import { Link } from "react-router";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { nameOf, offeredInstead } from "../../model/templates";
import { pageTo } from "../../ui/pageTo";

// Stands in the sentence where the name goes, which may be in another language than the rest.
const GAP = "\u0000";

interface SuccessorProps {
  readonly template: TemplateView;
}

/** Which template to use instead of this one, where there is one that this person can use. */
export function SuccessorText({ template }: SuccessorProps) {
  const { t, tag } = useTexts();
  const successor = offeredInstead(template);
  if (successor === undefined) {
    return null;
  }
  const { text, lang } = nameOf(successor, tag);
  const [before, after] = t("templates.replaced-by", { name: GAP }).split(GAP);
  return (
    <>
      {before}
      <span lang={lang}>{text}</span>
      {after}
    </>
  );
}

interface SuccessorLinkProps extends SuccessorProps {
  readonly className?: string | undefined;
}

/** The same as a way to the page that creates from it. */
export function SuccessorLink({ template, className }: SuccessorLinkProps) {
  const successor = offeredInstead(template);
  if (successor === undefined) {
    return null;
  }
  return (
    <Link to={pageTo(newFrom(successor.name))} state={{ own: true }} className={className}>
      <SuccessorText template={template} />
    </Link>
  );
}

/** The page that creates from a template; in `namespace`, if one is given. */
export function newFrom(template: string, namespace?: string): string {
  const project = namespace === undefined ? "" : `&ns=${encodeURIComponent(namespace)}`;
  return `/new?template=${encodeURIComponent(template)}${project}`;
}

/** For those who publish templates: why nobody is offered the successor that they have named. */
export function SuccessorProblem({ template, className }: SuccessorLinkProps) {
  const { t } = useTexts();
  const { successor } = template;
  if (successor === null || successor.problem === null) {
    return null;
  }
  return <div className={className}>{t(`templates.successor.${successor.problem}`, { name: successor.name })}</div>;
}
