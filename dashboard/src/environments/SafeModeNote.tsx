import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { Callout } from "../ui/Callout";
import { RestartButton } from "./RestartButton";

/** Says of one that runs in safe mode what that means, and leads out of it. */
export function SafeModeNote({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const runs = environment.phase === "Running" || environment.phase === "Unreachable";
  if (!environment.safeMode || !runs) {
    return null;
  }
  return (
    <Callout tone="warning" title={t("safe.title")}>
      <p>{t("safe.hint", { template: environment.template })}</p>
      <RestartButton environment={environment} label={t("safe.leave")} />
    </Callout>
  );
}
