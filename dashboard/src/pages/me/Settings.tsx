import { useState } from "react";
import { embedded } from "../../base";
import { useNow } from "../../environments/useNow";
import { chosenLanguage, followBrowser, type Language, setLanguage, useTexts } from "../../i18n";
import { formatMoment } from "../../model/times";
import { Checkbox, NativeSelect, useMantineColorScheme } from "../../ui/kit";
import { areShortcutsOn, chooseZone, chosenZone, switchShortcuts } from "../../ui/preferences";
import styles from "./MePage.module.css";

const CLOCK_MS = 10_000;
const SCHEMES = ["auto", "light", "dark"] as const;
const OWN_ZONE = "";

/** Choices that this browser keeps. Each holds at once; there is nothing to save. */
export function Settings() {
  const { t } = useTexts();
  return (
    <section className={styles.panel} aria-label={t("me.settings")}>
      <h2 className={styles.heading}>{t("me.settings")}</h2>
      <p className={styles.text}>{t(embedded ? "me.settings-embedded" : "me.settings-hint")}</p>
      <div className={styles.fields}>
        <LanguageChoice />
        <SchemeChoice />
        <ZoneChoice />
        <ShortcutChoice />
      </div>
    </section>
  );
}

function LanguageChoice() {
  const { t } = useTexts();
  const [chosen, setChosen] = useState<Language | "browser">(chosenLanguage);
  const choose = (value: string) => {
    if (value === "en" || value === "zh") {
      setLanguage(value);
      setChosen(value);
    } else {
      followBrowser();
      setChosen("browser");
    }
  };
  return (
    <NativeSelect
      label={t("shell.language")}
      value={chosen}
      onChange={(event) => choose(event.currentTarget.value)}
      data={[
        { value: "browser", label: t("me.as-browser") },
        { value: "en", label: "English" },
        { value: "zh", label: "中文" },
      ]}
    />
  );
}

function SchemeChoice() {
  const { t } = useTexts();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <NativeSelect
      label={t("shell.theme")}
      value={colorScheme}
      onChange={(event) => setColorScheme(SCHEMES.find((scheme) => scheme === event.currentTarget.value) ?? "auto")}
      data={SCHEMES.map((scheme) => ({ value: scheme, label: t(`shell.theme.${scheme}`) }))}
    />
  );
}

function ZoneChoice() {
  const { t } = useTexts();
  const [chosen, setChosen] = useState(() => chosenZone() ?? OWN_ZONE);
  const now = useNow(CLOCK_MS);
  const choose = (zone: string) => {
    chooseZone(zone === OWN_ZONE ? undefined : zone);
    setChosen(zone);
  };
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <NativeSelect
      label={t("me.zone")}
      description={t("me.zone-now", { time: formatMoment(new Date(now).toISOString()) })}
      value={chosen}
      onChange={(event) => choose(event.currentTarget.value)}
      data={[
        { value: OWN_ZONE, label: t("me.zone-own", { zone: own }) },
        ...(zones.includes("UTC") ? [] : ["UTC"]),
        ...zones,
      ]}
    />
  );
}

function ShortcutChoice() {
  const { t } = useTexts();
  const [on, setOn] = useState(areShortcutsOn);
  return (
    <Checkbox
      className={styles.check}
      label={t("me.shortcuts")}
      description={t("me.shortcuts-hint")}
      checked={on}
      onChange={(event) => {
        switchShortcuts(event.currentTarget.checked);
        setOn(event.currentTarget.checked);
      }}
    />
  );
}
