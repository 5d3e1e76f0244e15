import type { EnvironmentView } from "../../api/schema";
import { useActions } from "../../environments/useActions";
import { useTexts } from "../../i18n";
import { canDo } from "../../model/phases";
import { Callout } from "../../ui/Callout";
import { Button } from "../../ui/kit";
import styles from "./DetailPage.module.css";

/** What was changed and holds only after a restart, which the person starts when it suits. */
export function Waiting({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  const { run, pending } = useActions();
  if (!environment.templateOutdated || environment.phase === "Stopped") {
    return null;
  }
  const parts = environment.pending.map((part) => t(`detail.waits.${part}`));
  const list = new Intl.ListFormat(tag, { type: "conjunction" }).format(parts);
  const text = parts.length === 0 ? t("detail.outdated") : t("detail.waits", { count: parts.length, list });
  return (
    <Callout tone="warning" title={t("phase.NeedsRestart")}>
      <p className={styles.sentence}>{text}</p>
      {canDo(environment, "restart") && (
        <Button
          variant="default"
          size="compact-sm"
          loading={pending !== undefined}
          onClick={() => run({ environment, action: "restart" })}
        >
          {t("action.restart-apply")}
        </Button>
      )}
    </Callout>
  );
}
