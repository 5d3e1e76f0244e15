import {
  IconAlertTriangleFilled,
  IconCircleDashed,
  IconCircleFilled,
  IconCircleX,
  IconLoader,
  IconPlayerStopFilled,
  IconPlugConnectedX,
  type TablerIcon,
} from "@tabler/icons-react";
import { useTexts } from "../i18n";
import type { Phase } from "../model/phases";
import styles from "./Status.module.css";

const SIGNS: Record<Phase, [icon: TablerIcon, tone: "running" | "changing" | "stopped" | "failed"]> = {
  Pending: [IconCircleDashed, "changing"],
  Provisioning: [IconLoader, "changing"],
  Running: [IconCircleFilled, "running"],
  Unreachable: [IconPlugConnectedX, "failed"],
  Stopping: [IconLoader, "changing"],
  Stopped: [IconPlayerStopFilled, "stopped"],
  Failed: [IconAlertTriangleFilled, "failed"],
  Deleting: [IconCircleX, "stopped"],
};

/** A phase as sign and word; the colour only repeats what both say. */
export function Status({ phase }: { readonly phase: Phase }) {
  const { t } = useTexts();
  const [Icon, tone] = SIGNS[phase];
  return (
    <span className={styles.status} data-tone={tone}>
      <Icon size={14} aria-hidden className={styles.sign} />
      {t(`phase.${phase}`)}
    </span>
  );
}
