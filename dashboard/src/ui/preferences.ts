import { setTimeZone } from "../model/times";
import { recall, remember } from "./memory";

const ZONE = "dw-zone";
const SHORTCUTS = "dw-shortcuts";

/** The zone that this browser tells times in, if it is not its own one. */
export function chosenZone(): string | undefined {
  const kept = recall(ZONE);
  return kept !== null && isZone(kept) ? kept : undefined;
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

function isZone(name: string): boolean {
  try {
    return name !== "" && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
