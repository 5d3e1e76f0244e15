import { IconCopy } from "@tabler/icons-react";
import { useTexts } from "../i18n";
import { Button } from "./kit";
import { useNotices } from "./Notices";

interface CopyButtonProps {
  /** What is copied; a function where that is only known when it is asked for. */
  readonly text: string | (() => string);
  readonly label?: string;
  /** What it is about, for those who do not see what stands beside it. */
  readonly about?: string;
}

/** Puts a text into the clipboard and says so; where the browser does not let us, says that. */
export function CopyButton({ text, label, about }: CopyButtonProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      tell({ tone: "done", text: t("copy.done") });
    } catch {
      tell({ tone: "failed", text: t("copy.failed") });
    }
  };
  const shown = label ?? t("copy");
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<IconCopy size={14} aria-hidden />}
      aria-label={about === undefined ? undefined : t("copy.about", { label: shown, about })}
      onClick={copy}
    >
      {shown}
    </Button>
  );
}
