import type { Me } from "../../api/schema";
import { serverPath } from "../../base";
import { useTexts } from "../../i18n";
import { CopyButton } from "../../ui/CopyButton";
import styles from "./MePage.module.css";

/** How a program gets in. This server keeps no tokens: the cluster makes them, and they end by themselves. */
export function Programs({ me }: { readonly me: Me | undefined }) {
  const { t } = useTexts();
  if (me === undefined) {
    return null;
  }
  const audience = me.audience === "" ? "" : ` --audience ${me.audience}`;
  const address = new URL(serverPath("/api/v1/environments"), location.href).href;
  const commands = [
    [t("me.programs-token"), `TOKEN=$(kubectl create token ACCOUNT --namespace PROJECT --duration 24h${audience})`],
    [t("me.programs-use"), `curl -H "Authorization: Bearer $TOKEN" ${address}`],
  ] as const;
  return (
    <section className={styles.panel} aria-label={t("me.programs")}>
      <h2 className={styles.heading}>{t("me.programs")}</h2>
      <p className={styles.text}>{t("me.programs-hint")}</p>
      {commands.map(([what, command]) => (
        <div key={what} className={styles.command}>
          <span>{what}</span>
          <CopyButton text={command} about={what} />
          <code>{command}</code>
        </div>
      ))}
    </section>
  );
}
