import {
  IconBox,
  IconBrandGolang,
  IconBrandNodejs,
  IconBrandPython,
  IconCoffee,
  IconTerminal2,
  type TablerIcon,
} from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { descriptionOf, nameOf } from "../../model/templates";
import { formatDuration } from "../../model/times";
import { Badge } from "../../ui/kit";
import styles from "./TemplateFace.module.css";

// The icon of a template is a word; what is not known here gets a box.
const ICONS: Record<string, TablerIcon> = {
  base: IconTerminal2,
  go: IconBrandGolang,
  java: IconCoffee,
  nodejs: IconBrandNodejs,
  python: IconBrandPython,
};

interface TemplateFaceProps {
  readonly template: TemplateView;
  /** Where the state stands beside it and the name in the cluster is of interest. */
  readonly plain?: boolean;
  /** What stands below the rest. */
  readonly children?: ReactNode;
}

/** What people choose a template by: name, a line of words, what it gives. */
export function TemplateFace({ template, plain = false, children }: TemplateFaceProps) {
  const { t, tag } = useTexts();
  const usual = plain ? null : template.usualStart;
  const deprecated = !plain && template.state === "Deprecated";
  const name = nameOf(template, tag);
  const description =
    deprecated && template.stateMessage !== ""
      ? { text: template.stateMessage, lang: undefined }
      : descriptionOf(template, tag);
  return (
    <span className={styles.face}>
      <span className={styles.icon} aria-hidden>
        <Picture icon={template.icon} />
      </span>
      <span className={styles.words}>
        <span className={styles.name}>
          <span lang={name.lang}>{name.text}</span>
          {!plain && template.readyAtOnce && (
            <Badge variant="default" size="sm" className={styles.badge}>
              {t("create.ready-at-once")}
            </Badge>
          )}
          {deprecated && (
            <Badge variant="default" size="sm" className={styles.badge}>
              {t("create.deprecated")}
            </Badge>
          )}
        </span>
        {plain && <span className={styles.size}>{template.name}</span>}
        <span className={styles.description} lang={description.lang}>
          {description.text}
        </span>
        <span className={styles.size}>
          {t("create.size-line", { cpu: template.cpu, memory: template.memory, storage: template.storage })}
          {usual !== null && ` · ${t("create.usual", { median: formatDuration(usual.median * 1000, tag) })}`}
        </span>
        {children}
      </span>
    </span>
  );
}

function Picture({ icon }: { readonly icon: string }) {
  // As a picture, an SVG runs no script.
  if (icon.startsWith("data:image/svg+xml;base64,")) {
    return <img src={icon} alt="" width={24} height={24} />;
  }
  const Icon = ICONS[icon] ?? IconBox;
  return <Icon size={24} stroke={1.5} />;
}
