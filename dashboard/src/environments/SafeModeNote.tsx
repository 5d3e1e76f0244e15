import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { canDo } from "../model/phases";
import { Callout } from "../ui/Callout";
import { Button } from "../ui/kit";
import { useActions } from "./useActions";

/** Says of one that runs in safe mode what that means, and leads out of it. */
export function SafeModeNote({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { run, pending } = useActions();
  const runs = environment.phase === "Running" || environment.phase === "Unreachable";
  if (!environment.safeMode || !runs) {
    return null;
  }
  return (
    <Callout tone="warning" title={t("safe.title")}>
      <p>{t("safe.hint", { template: environment.template })}</p>
      {canDo(environment, "restart") && (
        <Button
          variant="default"
          size="compact-sm"
          loading={pending !== undefined}
          onClick={() => run({ environment, action: "restart" })}
        >
          {t("safe.leave")}
        </Button>
      )}
    </Callout>
  );
}
