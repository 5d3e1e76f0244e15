import { IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useMe, useTemplates } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { ActionIcon, Skeleton } from "../../ui/kit";
import { recall, remember } from "../../ui/memory";
import styles from "./FirstSteps.module.css";
import { offeredOf, TemplateCards } from "./TemplateCards";

const KEY = "dw-list-templates";
/** Who owns so many knows where new ones come from. */
const ENOUGH = 2;

/** Templates to begin with, above the list of somebody who has hardly begun; it can be put away for good. */
export function TemplateStrip({ known }: { readonly known: ReadonlyMap<string, EnvironmentView> }) {
  const { data: me } = useMe();
  return me?.mayCreate === true ? <Offer known={known} me={me.name} /> : null;
}

function Offer({ known, me }: { readonly known: ReadonlyMap<string, EnvironmentView>; readonly me: string }) {
  // Decided once for each visit: rows do not move under a pointer because an environment comes or goes.
  const [shown, setShown] = useState(() => recall(KEY) !== "off" && !ownsEnough(known, me));
  if (!shown) {
    return null;
  }
  const putAway = () => {
    remember(KEY, "off");
    setShown(false);
  };
  return <Strip onClose={putAway} />;
}

function ownsEnough(known: ReadonlyMap<string, EnvironmentView>, me: string): boolean {
  let count = 0;
  for (const { owner } of known.values()) {
    count += owner === me ? 1 : 0;
    if (count === ENOUGH) {
      return true;
    }
  }
  return false;
}

function Strip({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTexts();
  const templates = useTemplates();
  const offered = offeredOf(templates.data ?? []);
  if (!templates.isPending && offered.length === 0) {
    return null;
  }
  return (
    <section className={styles.strip} aria-label={t("list.begin")}>
      <div className={styles.head}>
        <h2 className={styles.title}>{t("list.begin")}</h2>
        <ActionIcon variant="subtle" color="gray" aria-label={t("list.begin-hide")} onClick={onClose}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      </div>
      {templates.isPending ? <Skeleton height={96} animate={false} /> : <TemplateCards templates={offered} />}
    </section>
  );
}
