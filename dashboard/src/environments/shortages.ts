import type { Shortage } from "../api/schema";
import { currentTag, type Translate } from "../i18n";
import { formatBytes, formatCores } from "../model/quantities";
import { type Measure, type QuotaLine, shortageLine } from "../model/quota";

/** A refusal, or what holds an environment back. */
interface Refused {
  readonly reason: string;
  readonly shortages: readonly Shortage[];
}

/** What is short, with the numbers, and what helps against it. */
export function tellShortages({ reason, shortages }: Refused, t: Translate): string {
  const own = reason === "OwnerLimitReached";
  const freed = shortages.some((shortage) => shortageLine(shortage, own)?.freedByStop ?? true);
  const key = own ? (freed ? "quota.own-stop" : "quota.own-delete") : freed ? "quota.stop-other" : "quota.delete-other";
  return t(key, { lines: tellNumbers({ reason, shortages }, t) });
}

/** The numbers alone; a resource that has no words here keeps its own name. */
export function tellNumbers({ reason, shortages }: Refused, t: Translate): string {
  const told = shortages.map((shortage) => {
    const line = shortageLine(shortage, reason === "OwnerLimitReached");
    return line === undefined ? t("quota.shortage", { ...shortage, hard: shortage.limit }) : tellLine(line, t);
  });
  return told.join(t("quota.also"));
}

/** One limit in words: what is used, what is needed beside it, how much there may be. */
export function tellLine({ label, measure, used, needs, hard }: QuotaLine, t: Translate): string {
  const tell = (value: number) => formatAmount(value, measure);
  return t("quota.shortage", {
    resource: t(`quota.resource.${label}`),
    used: tell(used),
    needs: tell(needs),
    hard: tell(hard),
  });
}

export function formatAmount(value: number, measure: Measure): string {
  return measure === "bytes" ? formatBytes(value, currentTag()) : formatCores(value, currentTag());
}
