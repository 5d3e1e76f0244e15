import type { EnvironmentView } from "../api/schema";

export type Phase = EnvironmentView["phase"];
export type Action = "open" | "start" | "stop" | "restart" | "safe-start" | "extend" | "delete";

/** How an action is offered in a phase. The first one of a phase is its primary. */
export interface Offer {
  readonly action: Action;
  readonly label:
    | "action.open"
    | "action.view-start"
    | "action.open-anyway"
    | "action.start-open"
    | "action.start"
    | "action.start-again"
    | "action.stop"
    | "action.cancel-start"
    | "action.restart"
    | "action.restart-apply"
    | "action.retry"
    | "action.safe-start"
    | "action.extend"
    | "action.delete";
}

/** The one table of what is offered when; the server's `allowed` says whether this person may do it. */
const OFFERS: Record<Phase, readonly Offer[]> = {
  Pending: [
    { action: "open", label: "action.view-start" },
    { action: "stop", label: "action.cancel-start" },
    { action: "delete", label: "action.delete" },
  ],
  Provisioning: [
    { action: "open", label: "action.view-start" },
    { action: "stop", label: "action.cancel-start" },
    { action: "delete", label: "action.delete" },
  ],
  Running: [
    { action: "open", label: "action.open" },
    { action: "extend", label: "action.extend" },
    { action: "stop", label: "action.stop" },
    { action: "restart", label: "action.restart" },
    { action: "delete", label: "action.delete" },
  ],
  Unreachable: [
    { action: "restart", label: "action.restart" },
    { action: "open", label: "action.open-anyway" },
    { action: "safe-start", label: "action.safe-start" },
    { action: "extend", label: "action.extend" },
    { action: "stop", label: "action.stop" },
    { action: "delete", label: "action.delete" },
  ],
  Stopping: [
    { action: "start", label: "action.start-again" },
    { action: "delete", label: "action.delete" },
  ],
  Stopped: [
    { action: "open", label: "action.start-open" },
    { action: "start", label: "action.start" },
    { action: "delete", label: "action.delete" },
  ],
  Failed: [
    { action: "restart", label: "action.retry" },
    { action: "safe-start", label: "action.safe-start" },
    { action: "stop", label: "action.stop" },
    { action: "delete", label: "action.delete" },
  ],
  Deleting: [],
};

export function offersOf(environment: EnvironmentView): readonly Offer[] {
  return OFFERS[environment.phase]
    .filter(({ action }) => isThere(environment, action))
    .map((offer) =>
      offer.label === "action.restart" && environment.templateOutdated
        ? { action: "restart", label: "action.restart-apply" }
        : offer,
    );
}

/** Whether there is anything to do: a stop to put off, an installation with an image for a safe start. */
function isThere(environment: EnvironmentView, action: Action): boolean {
  return action === "extend"
    ? canBePutOff(environment)
    : action !== "safe-start" || environment.allowed[action] !== undefined;
}

/** Whether the phase offers the action and the server would let this person do it now. */
export function canDo(environment: EnvironmentView, action: Action): boolean {
  return obstacleOf(environment, action) === null && offersOf(environment).some((offer) => offer.action === action);
}

/** What is against an action: a missing right, the phase, or a template with which it could not start again. */
export function obstacleOf(environment: EnvironmentView, action: Action): "right" | "phase" | "template" | null {
  const answer = environment.allowed[action];
  return answer === undefined ? "phase" : answer.allowed ? null : (answer.obstacle ?? "phase");
}

/** Whether the clock stops it, and could do so later. */
function canBePutOff({ stopsAt, extendableUntil }: EnvironmentView): boolean {
  return stopsAt !== null && extendableUntil !== null && Date.parse(extendableUntil) > Date.parse(stopsAt);
}

export const GROUPS = ["running", "starting", "stopped", "failed"] as const;
export type Group = (typeof GROUPS)[number];

const GROUP_OF: Record<Phase, Group> = {
  Pending: "starting",
  Provisioning: "starting",
  Running: "running",
  Unreachable: "failed",
  Stopping: "stopped",
  Stopped: "stopped",
  Failed: "failed",
  Deleting: "stopped",
};

/** The filter under which people look for it. */
export function groupOf(environment: EnvironmentView): Group {
  return GROUP_OF[environment.phase];
}

/** Phases in which something keeps it from running, so that its reason gets a title. */
export function isTroubled(environment: EnvironmentView): boolean {
  return environment.phase === "Pending" || environment.phase === "Failed" || environment.phase === "Unreachable";
}
