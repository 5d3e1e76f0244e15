import { useState } from "react";
import { useNamespaces } from "../../api/queries";
import { embedded } from "../../base";
import { useNow } from "../../environments/useNow";
import { chosenLanguage, followBrowser, type Language, setLanguage, useTexts } from "../../i18n";
import { SIZES } from "../../model/sizes";
import { formatMoment } from "../../model/times";
import { Checkbox, NativeSelect, useMantineColorScheme } from "../../ui/kit";
import {
  areAlertsOn,
  areShortcutsOn,
  canAlert,
  chooseProject,
  chooseSize,
  chooseZone,
  chosenProject,
  chosenSize,
  chosenZone,
  switchAlerts,
  switchShortcuts,
} from "../../ui/preferences";
import { GitIdentity } from "./GitIdentity";
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
        <ProjectChoice />
        <SizeChoice />
        <ShortcutChoice />
        {canAlert() && <AlertChoice />}
      </div>
      <GitIdentity />
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

function ProjectChoice() {
  const { t } = useTexts();
  const namespaces = useNamespaces();
  const [chosen, setChosen] = useState(chosenProject);
  const names = namespaces.data?.map(({ name }) => name) ?? [];
  return (
    <NativeSelect
      label={t("me.new-project")}
      value={chosen}
      onChange={(event) => {
        chooseProject(event.currentTarget.value);
        setChosen(event.currentTarget.value);
      }}
      data={[
        { value: "", label: t("me.new-project-last") },
        // One that was left since stands there until another one is chosen.
        ...(chosen === "" || names.includes(chosen) ? [] : [chosen]),
        ...names,
      ]}
    />
  );
}

function SizeChoice() {
  const { t } = useTexts();
  const [chosen, setChosen] = useState(chosenSize);
  return (
    <NativeSelect
      label={t("me.new-size")}
      description={t("me.new-size-hint")}
      value={chosen}
      onChange={(event) => {
        chooseSize(event.currentTarget.value);
        setChosen(event.currentTarget.value);
      }}
      data={[
        { value: "", label: t("create.size.default") },
        ...SIZES.map(({ id, cpu, memory }) => ({
          value: id,
          label: `${t(`create.size.${id}`)} – ${t("create.size-short", { cpu, memory })}`,
        })),
      ]}
    />
  );
}

function AlertChoice() {
  const { t } = useTexts();
  const [on, setOn] = useState(areAlertsOn);
  const [refused, setRefused] = useState(false);
  const change = async (wanted: boolean) => {
    const switched = await switchAlerts(wanted);
    setOn(switched);
    setRefused(wanted && !switched);
  };
  return (
    <Checkbox
      className={styles.check}
      label={t("me.alerts")}
      description={t("me.alerts-hint")}
      error={refused ? t("me.alerts-refused") : undefined}
      checked={on}
      onChange={(event) => void change(event.currentTarget.checked)}
    />
  );
}
