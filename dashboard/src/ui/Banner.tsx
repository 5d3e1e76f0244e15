import type { TablerIcon } from "@tabler/icons-react";
import { type ReactNode, useEffect } from "react";
import { useTexts } from "../i18n";
import styles from "./Banner.module.css";

interface BannerProps {
  readonly icon: TablerIcon;
  readonly title: string;
  readonly description: string;
  /** The heading's second half, and what stands at the right. */
  readonly aside?: ReactNode;
}

/** The head of a page: what it is, in the form of the console's own pages. Also names the document. */
export function Banner({ icon: Icon, title, description, aside }: BannerProps) {
  const { t } = useTexts();
  useEffect(() => {
    document.title = `${title} · ${t("product")}`;
  }, [title, t]);
  return (
    <div className={styles.banner}>
      <span className={styles.leaf} aria-hidden>
        <Icon size={28} stroke={1.5} />
      </span>
      <div className={styles.words}>
        <h1 className={styles.title} tabIndex={-1}>
          {title}
        </h1>
        <p className={styles.description}>{description}</p>
      </div>
      {aside}
    </div>
  );
}
