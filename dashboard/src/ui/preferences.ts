import { type GitUser, readGitUser } from "../model/gitUser";
import { setTimeZone } from "../model/times";
import { recall, remember } from "./memory";

const ZONE = "dw-zone";
const SHORTCUTS = "dw-shortcuts";
const ALERTS = "dw-alerts";
const PROJECT = "dw-new-project";
const SIZE = "dw-new-size";
const GIT_NAME = "dw-git-name";
const GIT_EMAIL = "dw-git-email";

const listeners = new Set<() => void>();

/** The zone that this browser tells times in, if it is not its own one. */
export function chosenZone(): string | undefined {
  const kept = recall(ZONE);
  return kept !== null && isZone(kept) ? kept : undefined;
}

/** Whose clock a person means who writes a time: the chosen zone, or this computer's. */
export function zoneHere(): string {
  return chosenZone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function chooseZone(zone: string | undefined): void {
  remember(ZONE, zone ?? "");
  setTimeZone(zone);
}

/** Applies what this browser was told earlier. */
export function startPreferences(): void {
  setTimeZone(chosenZone());
}

export function areShortcutsOn(): boolean {
  return recall(SHORTCUTS) !== "off";
}

export function switchShortcuts(on: boolean): void {
  remember(SHORTCUTS, on ? "on" : "off");
}

/** Whether this person wants notices of the browser, and the browser shows them. */
export function areAlertsOn(): boolean {
  return recall(ALERTS) === "on" && canAlert() && Notification.permission === "granted";
}

/** Whether this browser has notices at all: not without https, nor in a frame. */
export function canAlert(): boolean {
  return "Notification" in globalThis && window.isSecureContext && window.top === window;
}

/** Switches them; on only if the person lets the browser show them. Returns whether they are on now. */
export async function switchAlerts(on: boolean): Promise<boolean> {
  const granted = on && (await Notification.requestPermission()) === "granted";
  remember(ALERTS, granted ? "on" : "off");
  for (const listener of listeners) {
    listener();
  }
  return granted;
}

export function onAlertsSwitched(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where new environments are made unless somebody says otherwise; empty: where the last one was. */
export function chosenProject(): string {
  return recall(PROJECT) ?? "";
}

export function chooseProject(project: string): void {
  remember(PROJECT, project);
}

/** How large new environments are unless somebody says otherwise. */
export function chosenSize(): string {
  return recall(SIZE) ?? "";
}

export function chooseSize(size: string): void {
  remember(SIZE, size);
}

/** As whom Git commits in new environments; null until somebody has said it. */
export function chosenGitUser(): GitUser | null {
  const { name, email } = keptGitUser();
  return readGitUser(name, email);
}

/** The same as it was typed so far. */
export function keptGitUser(): GitUser {
  return { name: recall(GIT_NAME) ?? "", email: recall(GIT_EMAIL) ?? "" };
}

export function chooseGitUser({ name, email }: GitUser): void {
  remember(GIT_NAME, name);
  remember(GIT_EMAIL, email);
}

function isZone(name: string): boolean {
  try {
    return name !== "" && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
