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
  const run = ({ environment, action }: Wish) => {
    const name = environment.displayName;
    // Not the mutation's own callbacks: they are dropped with the row, which may go before the answer comes.
    change.mutateAsync({ environment, action }).then(
      () => tell({ tone: "done", text: t(`done.${action}`, { name }) }),
      (error: unknown) => tell({ tone: "failed", text: t("done.failed", { name, message: explain(error, t) }) }),
    );
  };
  return { run, pending: change.isPending ? change.variables : undefined };
}
