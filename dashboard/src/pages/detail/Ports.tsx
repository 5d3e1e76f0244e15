import { IconExternalLink } from "@tabler/icons-react";
import { useState } from "react";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { CopyButton } from "../../ui/CopyButton";
import { TextInput } from "../../ui/kit";
import styles from "./DetailPage.module.css";

interface PortsProps {
  readonly environment: EnvironmentView;
  readonly gone: boolean;
}

/** Addresses of what listens inside of the environment: what the template announces, and any other port. */
export function Ports({ environment, gone }: PortsProps) {
  const { t } = useTexts();
  const open = environment.phase === "Running" && !gone;
  const [wanted, setWanted] = useState("");
  const port = Number(wanted);
  const valid = /^[1-9]\d{0,4}$/.test(wanted) && port <= 65_535;
  const address = environment.portAddress.replace("{port}", wanted);
  return (
    <>
      {!open && <p className={styles.sentence}>{t(gone ? "ports.gone" : "ports.not-running")}</p>}
      <p className={styles.sentence}>{t("ports.who")}</p>
      <h2 className={styles.heading}>{t("ports.announced")}</h2>
      {environment.ports.length === 0 ? (
        <p className={styles.sentence}>{t("detail.no-ports")}</p>
      ) : (
        <ul className={styles.ports}>
          {environment.ports.map((known) => (
            <li key={known.port} className={styles.copied}>
              <span className={styles.number}>{known.port}</span>
              <span>{known.name}</span>
              <Address url={known.url} open={open} />
            </li>
          ))}
        </ul>
      )}
      <h2 className={styles.heading}>{t("ports.other")}</h2>
      <TextInput
        label={t("ports.number")}
        description={t("ports.number-hint")}
        inputMode="numeric"
        className={styles.short}
        value={wanted}
        error={wanted !== "" && !valid ? t("ports.number-rule") : undefined}
        onChange={(event) => setWanted(event.currentTarget.value.trim())}
      />
      {valid && (
        <p className={styles.copied}>
          <Address url={address} open={open} />
        </p>
      )}
    </>
  );
}

/** A link while there is something to reach; the address alone while there is not. */
function Address({ url, open }: { readonly url: string; readonly open: boolean }) {
  const { t } = useTexts();
  return (
    <>
      {open ? (
        <a href={url} target="_blank" rel="noopener" className={styles.address}>
          {url} <IconExternalLink size={14} aria-hidden /> <span className={styles.unseen}>{t("new-tab")}</span>
        </a>
      ) : (
        <span className={styles.dim}>{url}</span>
      )}
      <CopyButton text={url} about={url} />
    </>
  );
}
