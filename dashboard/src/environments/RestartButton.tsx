import type { EnvironmentView } from "../api/schema";
import { canDo } from "../model/phases";
import { Button } from "../ui/kit";
import { useActions } from "./useActions";

interface RestartButtonProps {
  readonly environment: EnvironmentView;
  /** What the restart is for. */
  readonly label: string;
}

/** The way out of what a note says; nothing for who may not restart the environment, or while that makes no sense. */
export function RestartButton({ environment, label }: RestartButtonProps) {
  const { run, pending } = useActions();
  return canDo(environment, "restart") ? (
    <Button
      variant="default"
      size="compact-sm"
      loading={pending !== undefined}
      onClick={() => run({ environment, action: "restart" })}
    >
      {label}
    </Button>
  ) : null;
}
