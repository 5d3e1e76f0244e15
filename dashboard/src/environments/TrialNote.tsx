import { remove, useChange } from "../api/queries";
import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { formatMoment } from "../model/times";
import { Button } from "../ui/kit";
import { useNotices } from "../ui/Notices";
import { explain } from "./explain";
import styles from "./TrialNote.module.css";

// As long as the server lets one live (core/trial.py).
const LIFETIME_MS = 3_600_000;

/** Says that an environment is only a trial, until when it is there, and ends it with all that it has. */
export function TrialNote({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const end = useChange(() => remove(environment, "Delete"));
  const until = formatMoment(new Date(Date.parse(environment.createdAt) + LIFETIME_MS).toISOString());
  const name = environment.displayName;
  return (
    <div className={styles.note}>
      <p className={styles.text}>{t("trial.note", { until })}</p>
      <Button
        variant="default"
        size="compact-sm"
        loading={end.isPending}
        disabled={environment.phase === "Deleting"}
        onClick={() =>
          end.mutate(undefined, {
            onSuccess: () => tell({ tone: "done", text: t("trial.ended", { name }) }),
            onError: (error) => tell({ tone: "failed", text: t("done.failed", { name, message: explain(error, t) }) }),
          })
        }
      >
        {t("trial.end")}
      </Button>
    </div>
  );
}
