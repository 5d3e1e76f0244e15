import type {
  EnvironmentView,
  FigureView,
  GitView,
  HistoryView,
  Holding,
  HoldingsView,
  Me,
  MonthView,
  PresentView,
  SuccessorView,
  TemplateView,
  UsageRow,
  UsageTable,
  VolumeView,
} from "../api/schema";
import type { Phase } from "../model/phases";

const YES = { allowed: true, obstacle: null };

export function makeEnvironment(part: Partial<EnvironmentView> = {}): EnvironmentView {
  const name = part.name ?? "demo";
  return {
    uid: `uid-${name}`,
    id: `${name}--team`,
    namespace: "team",
    name,
    displayName: part.displayName ?? name,
    description: "",
    owner: "admin",
    template: "python",
    phase: "Running",
    reason: "",
    message: "",
    running: true,
    url: `http://${name}--team.localhost/`,
    openPath: `/-/open?env=${name}--team`,
    ports: [],
    portAddress: `http://{port}--${name}--team.localhost/`,
    node: "node-1",
    volume: `${name}-home`,
    storage: "10Gi",
    dataPolicy: "Retain",
    createdAt: "2026-11-25T10:00:00Z",
    startedAt: "2026-11-25T10:00:00Z",
    readyAt: "2026-11-25T10:00:08Z",
    stoppedAt: null,
    stopReason: null,
    lastActivity: null,
    restarts: 0,
    templateOutdated: false,
    progress: { made: true, placed: true, started: true },
    allowed: {
      open: YES,
      start: YES,
      stop: YES,
      restart: YES,
      "safe-start": YES,
      extend: YES,
      delete: YES,
      edit: YES,
      logs: YES,
    },
    resourceVersion: "10",
    cpu: "2",
    memory: "2Gi",
    image: "python:1",
    own: {
      cpu: null,
      memory: null,
      storage: null,
      image: null,
      variables: [],
      idleTimeout: null,
      maxRunDuration: null,
      schedule: [],
    },
    disk: { size: null, wanted: null, used: null },
    paused: false,
    pending: [],
    conditions: [],
    templateRevision: null,
    workspace: "",
    git: null,
    startup: null,
    cpuRequest: "500m",
    memoryRequest: "1Gi",
    stopNote: null,
    stopsAt: null,
    stopsWhy: null,
    extendableUntil: null,
    startsAt: null,
    deletesAt: null,
    queue: null,
    shortages: [],
    trial: false,
    safeMode: false,
    ...part,
  };
}

/** A repository that was cloned, with all work in it pushed. */
export function makeGit(part: Partial<GitView> = {}): GitView {
  return {
    repository: "https://git.example.com/team/demo.git",
    ref: null,
    directory: "demo",
    state: "cloned",
    reason: null,
    message: "",
    branch: "main",
    changedFiles: 0,
    unpushedCommits: 0,
    asOf: "2026-11-26T14:02:00Z",
    ...part,
  };
}

/** An environment in which this person may do nothing but look. */
export function makeForeign(phase: Phase): EnvironmentView {
  const no = { allowed: false, obstacle: "right" as const };
  return makeEnvironment({
    name: "foreign",
    owner: "li.wei",
    phase,
    allowed: {
      open: YES,
      start: no,
      stop: no,
      restart: no,
      "safe-start": no,
      extend: no,
      delete: no,
      edit: no,
      logs: YES,
    },
  });
}

export function makeTemplate(part: Partial<TemplateView> = {}): TemplateView {
  return {
    name: "python",
    displayName: "Python 3",
    description: "Python with pip.",
    translations: {},
    icon: "python",
    tags: [],
    state: "Active",
    stateMessage: "",
    replacedBy: null,
    successor: null,
    image: "python:1",
    cpu: "2",
    memory: "2Gi",
    storage: "10Gi",
    maxCpu: "2",
    maxMemory: "4Gi",
    maxStorage: "20Gi",
    images: [],
    ownVariables: false,
    gitHosts: null,
    usable: true,
    readyAtOnce: false,
    uid: `uid-${part.name ?? "python"}`,
    resourceVersion: "1",
    createdAt: "2026-11-25T09:00:00Z",
    changedAt: "2026-11-25T09:00:00Z",
    changedBy: null,
    idleTimeout: null,
    maxRunDuration: null,
    usualStart: null,
    use: null,
    cpuRequest: "500m",
    memoryRequest: "1Gi",
    prePull: null,
    pools: [],
    ...part,
  };
}

/** The template that is offered instead of a deprecated one. */
export function makeSuccessor(part: Partial<SuccessorView> = {}): SuccessorView {
  return { name: "python-4", displayName: "Python 4", translations: {}, usable: true, problem: null, ...part };
}

export function makeMe(part: Partial<Me> = {}): Me {
  return {
    name: "admin",
    groups: [],
    mayCreate: true,
    templates: { create: false, edit: false, delete: false },
    seesAll: false,
    version: "0.1.0",
    features: [],
    audience: "devworkspace",
    ...part,
  };
}

/** A disk that environment demo of project team left behind. */
export function makeVolume(part: Partial<VolumeView> = {}): VolumeView {
  const name = part.name ?? "demo-home";
  return {
    uid: `uid-${name}`,
    namespace: "team",
    name,
    owner: "admin",
    environment: "demo",
    template: "python",
    size: "10Gi",
    storageClass: "standard",
    createdAt: "2026-11-20T10:00:00Z",
    keptSince: "2026-11-24T10:00:00Z",
    deleting: false,
    allowed: { adopt: true, delete: true },
    ...part,
  };
}

export function makeMonth(part: Partial<MonthView> = {}): MonthView {
  return { month: "2026-11", runningHours: 0, cpuHours: 0, memoryGibHours: 0, storageGibHours: 0, cost: null, ...part };
}

export function makeUsageRow({
  owner = "",
  namespace = "",
  environment = "",
  ...usage
}: Partial<Omit<UsageRow, "usage"> & MonthView>): UsageRow {
  return { namespace, owner, environment, environments: 1, usage: makeMonth(usage) };
}

export function makeUsageTable(...items: readonly UsageRow[]): UsageTable {
  const months = ["2026-11", "2026-10", "2026-09"];
  return { month: "2026-11", months, currency: null, items: [...items], total: makeMonth() };
}

export function makeHolding(part: Partial<Holding> = {}): Holding {
  return {
    owner: "",
    namespace: "",
    environments: "1",
    running: "1",
    cpu: "2",
    memory: "2Gi",
    storage: "10Gi",
    starting: 0,
    waiting: 0,
    full: [],
    ...part,
  };
}

export function makeHoldings(part: Partial<HoldingsView> = {}): HoldingsView {
  return {
    source: "devworkspace-system/devworkspace-limits",
    problem: "",
    owner: { environments: null, running: null, cpu: null, memory: null, storage: null },
    starts: 300,
    startsInNamespace: null,
    items: [],
    total: part.items?.length ?? 0,
    ...part,
  };
}

export function makeFigure(part: Partial<FigureView> = {}): FigureView {
  return { at: "2026-11-25T10:00:00Z", seconds: 60, cpu: 0.5, memory: 2 ** 30, disk: null, ...part };
}

/** Nobody measures in it; with `figures`, what it used from nine to ten. */
export function makeHistory(part: Partial<HistoryView> = {}): HistoryView {
  const available = part.figures !== undefined;
  return {
    available,
    why: available ? "" : "unmeasured",
    window: "1h",
    since: "2026-11-25T09:00:00Z",
    until: "2026-11-25T10:00:00Z",
    cpuLimit: 2,
    memoryLimit: 2 ** 32,
    diskLimit: 10 * 2 ** 30,
    figures: [],
    starts: [],
    ...part,
  };
}

export function makePresent(part: Partial<PresentView> = {}): PresentView {
  return {
    uid: "uid-demo",
    measuredAt: "2026-11-25T10:00:00Z",
    cpu: { used: 0.25, request: 0.5, limit: 2 },
    memory: { used: 1.5 * 2 ** 30, request: null, limit: 2 ** 32 },
    ...part,
  };
}
