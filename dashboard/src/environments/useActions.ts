import { type Act, act, useChange } from "../api/queries";
import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { useNotices } from "../ui/Notices";
import { explain } from "./explain";

interface Wish {
  readonly environment: EnvironmentView;
  readonly action: Act;
}

/** Start, stop and restart of one environment, with what became of it told to the person. */
export function useActions() {
  const { t } = useTexts();
  const { tell } = useNotices();
  const change = useChange(({ environment, action }: Wish) => act(environment, action));
  const run = (wish: Wish) =>
    change.mutate(wish, {
      onSuccess: () => tell({ tone: "done", text: t(`done.${wish.action}`, { name: wish.environment.displayName }) }),
      onError: (error) =>
        tell({
          tone: "failed",
          text: t("done.failed", { name: wish.environment.displayName, message: explain(error, t) }),
        }),
    });
  return { run, pending: change.isPending ? change.variables : undefined };
}
