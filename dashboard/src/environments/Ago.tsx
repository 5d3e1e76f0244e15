import { useTexts } from "../i18n";
import { formatAgo, formatMoment } from "../model/times";
import { useNow } from "./useNow";

/** How long ago something was, with the moment itself one look away. */
export function Ago({ time }: { readonly time: string | null }) {
  const { t, tag } = useTexts();
  const now = useNow(30_000);
  if (time === null || time === "") {
    return <span>{t("unknown")}</span>;
  }
  return (
    <time dateTime={time} title={formatMoment(time)}>
      {formatAgo(time, { tag, now })}
    </time>
  );
}
