import type { ConditionView, EnvironmentView } from "../api/schema";
import { canDo, isTroubled } from "./phases";

/** A way on from a failure; the page makes a link or a button of it. */
export type Step =
  | "retry"
  | "safe-start"
  | "logs"
  | "previous-logs"
  | "larger"
  | "smaller"
  | "settings"
  | "running"
  | "new"
  | "edit-template"
  | "copy";

/** What helps against each reason, the best first. What asks for an admin's hand can be copied for one. */
export const STEPS: Readonly<Record<string, readonly Step[]>> = {
  TemplateMissing: ["new", "copy"],
  TemplateHidden: ["new", "copy"],
  TemplateNotAllowed: ["new", "copy"],
  TemplateChanged: ["retry"],
  OverrideNotAllowed: ["settings", "copy"],
  NameConflict: ["new", "copy"],
  QuotaExceeded: ["running", "smaller"],
  LimitRangeExceeded: ["settings", "copy"],
  PodSecurityRefused: ["edit-template", "copy"],
  NamespaceTerminating: ["new"],
  AdmissionRefused: ["edit-template", "copy"],
  OwnerLimitReached: ["running"],
  LimitsUnreadable: ["copy"],
  StartQueued: [],
  SchedulingGated: ["copy"],
  Unschedulable: ["smaller", "running", "copy"],
  SandboxFailed: ["retry", "copy"],
  InitContainerFailed: ["retry", "copy"],
  ImageNotFound: ["new", "edit-template", "copy"],
  ImagePullDenied: ["edit-template", "copy"],
  ImagePullNetwork: ["retry", "copy"],
  ImagePullFailed: ["edit-template", "retry", "copy"],
  ImageNameInvalid: ["new", "edit-template", "copy"],
  MissingConfiguration: ["retry", "copy"],
  StartTimeout: ["retry", "logs", "safe-start"],
  OutOfMemory: ["larger", "previous-logs"],
  CrashLoop: ["safe-start", "previous-logs", "retry"],
  EditorNotAnswering: ["retry", "logs", "safe-start"],
  Evicted: ["retry"],
  NodeLost: ["copy"],
  PodFailed: ["retry", "logs"],
  VolumePending: ["copy"],
  VolumeProvisioningFailed: ["copy"],
  VolumeMultiAttach: ["copy"],
  VolumeMountFailed: ["retry", "copy"],
  VolumeLost: ["copy"],
  VolumeNotAdoptable: ["new", "copy"],
  VolumeResizing: [],
  VolumeResizeRefused: ["copy"],
};

/** Something that is wrong with an environment, whether it keeps it from running or not. */
export interface Trouble {
  readonly reason: string;
  readonly message: string;
  /** Since when, as far as the operator has noted it. */
  readonly since: string | null;
  readonly tone: "failed" | "warning";
}

/** What is wrong: what keeps it from running first, then what it came back from and what its disk was refused. */
export function findTroubles(environment: EnvironmentView): readonly Trouble[] {
  const { conditions, reason, message, phase } = environment;
  const troubles: Trouble[] = [];
  if (isTroubled(environment)) {
    const ready = conditions.find(({ type }) => type === "Ready");
    const tone = phase === "Pending" ? "warning" : "failed";
    troubles.push({ reason, message, since: ready?.lastTransitionTime ?? null, tone });
  }
  for (const condition of conditions) {
    if (isAside(condition) && condition.reason !== reason) {
      troubles.push({
        reason: condition.reason,
        message: condition.message,
        since: condition.lastTransitionTime,
        tone: "warning",
      });
    }
  }
  return troubles;
}

function isAside({ type, status, reason }: ConditionView): boolean {
  return (type === "Degraded" && status === "True") || (type === "VolumeReady" && reason === "VolumeResizeRefused");
}

/** The steps that this person can take now. */
export function stepsFor(
  environment: EnvironmentView,
  trouble: Trouble,
  rights: { readonly editTemplates: boolean },
): readonly Step[] {
  const can: Partial<Record<Step, boolean>> = {
    retry: canDo(environment, "restart"),
    "safe-start": canDo(environment, "safe-start"),
    logs: environment.allowed.logs?.allowed === true,
    "previous-logs": environment.allowed.logs?.allowed === true,
    larger: environment.allowed.edit?.allowed === true,
    smaller: environment.allowed.edit?.allowed === true,
    settings: environment.allowed.edit?.allowed === true,
    "edit-template": rights.editTemplates,
  };
  if (environment.trial) {
    // Its template and its settings are the draft's.
    for (const step of ["new", "settings", "smaller", "larger", "edit-template", "safe-start"] as const) {
      can[step] = false;
    }
  }
  return (STEPS[trouble.reason] ?? ["copy"]).filter((step) => can[step] ?? true);
}
