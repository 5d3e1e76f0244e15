import {
  IconBox,
  IconBrandGolang,
  IconBrandNodejs,
  IconBrandPython,
  IconCoffee,
  IconTerminal2,
  type TablerIcon,
} from "@tabler/icons-react";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
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

/** What people choose a template by: name, a line of words, what it gives. */
export function TemplateFace({ template }: { readonly template: TemplateView }) {
  const { t } = useTexts();
  const Icon = ICONS[template.icon] ?? IconBox;
  return (
    <span className={styles.face}>
      <span className={styles.icon} aria-hidden>
        <Icon size={24} stroke={1.5} />
      </span>
      <span className={styles.words}>
        <span className={styles.name}>
          {template.displayName}
          {template.state === "Deprecated" && (
            <Badge variant="default" size="sm" className={styles.badge}>
              {t("create.deprecated")}
            </Badge>
          )}
        </span>
        <span className={styles.description}>
          {template.state === "Deprecated" && template.stateMessage !== ""
            ? template.stateMessage
            : template.description}
        </span>
        <span className={styles.size}>
          {t("create.size-line", { cpu: template.cpu, memory: template.memory, storage: template.storage })}
        </span>
      </span>
    </span>
  );
}
