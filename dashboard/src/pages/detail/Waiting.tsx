import type { EnvironmentView } from "../../api/schema";
import { RestartButton } from "../../environments/RestartButton";
import { useTexts } from "../../i18n";
import { Callout } from "../../ui/Callout";
import styles from "./DetailPage.module.css";

/** What was changed and holds only after a restart, which the person starts when it suits. */
export function Waiting({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  if (!environment.templateOutdated || environment.phase === "Stopped") {
    return null;
  }
  const parts = environment.pending.map((part) => t(`detail.waits.${part}`));
  const list = new Intl.ListFormat(tag, { type: "conjunction" }).format(parts);
  const text = parts.length === 0 ? t("detail.outdated") : t("detail.waits", { count: parts.length, list });
  return (
    <Callout tone="warning" title={t("phase.NeedsRestart")}>
      <p className={styles.sentence}>{text}</p>
      <RestartButton environment={environment} label={t("action.restart-apply")} />
    </Callout>
  );
}
