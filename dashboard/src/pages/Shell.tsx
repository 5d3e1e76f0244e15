import { useMantineColorScheme } from "@mantine/core";
import { IconCode, IconKeyboard, IconLanguage, IconMoon, IconSun, IconSunMoon } from "@tabler/icons-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Outlet, useLocation, useNavigate } from "react-router";
import { embedded } from "../base";
import { Alerts } from "../environments/Alerts";
import { setLanguage, useTexts } from "../i18n";
import { Dialog } from "../ui/Dialog";
import { ActionIcon, Menu, Tooltip } from "../ui/kit";
import { PageLink } from "../ui/PageLink";
import { pageTo } from "../ui/pageTo";
import { areAlertsOn, areShortcutsOn, onAlertsSwitched } from "../ui/preferences";
import { Account } from "./Account";
import { LiveStrip, SessionEnd } from "./interruptions";
import { Navigation } from "./Navigation";
import styles from "./Shell.module.css";

/** What stands around every page. */
export function Shell() {
  const { t } = useTexts();
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const [help, setHelp] = useState(false);
  const alerts = useSyncExternalStore(onAlertsSwitched, areAlertsOn);
  useFocusOnNavigation(main, pathname);
  useShortcuts(() => setHelp(true));
  return (
    <div className={styles.shell} data-embedded={embedded}>
      <a className={styles.skip} href="#main">
        {t("nav.skip")}
      </a>
      <header className={styles.header}>
        {!embedded && (
          <PageLink to="/envs" className={styles.product}>
            <IconCode size={20} aria-hidden />
            <span className={styles.productName}>{t("product")}</span>
          </PageLink>
        )}
        <Navigation />
        {!embedded && (
          <div className={styles.tools}>
            <HelpButton onOpen={() => setHelp(true)} />
            <LanguageButton />
            <ThemeButton />
            <Account />
          </div>
        )}
      </header>
      <LiveStrip />
      <SessionEnd />
      {alerts && <Alerts />}
      <main id="main" className={styles.main} ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <Dialog opened={help} onClose={() => setHelp(false)} title={t("help.title")}>
        {!areShortcutsOn() && <p>{t("help.off")}</p>}
        <dl className={styles.keys}>
          <dt>{"/"}</dt>
          <dd>{t("help.search")}</dd>
          <dt>{"n"}</dt>
          <dd>{t("help.new")}</dd>
          <dt>{"?"}</dt>
          <dd>{t("help.help")}</dd>
        </dl>
      </Dialog>
    </div>
  );
}

function HelpButton({ onOpen }: { readonly onOpen: () => void }) {
  const { t } = useTexts();
  return (
    <Tooltip label={t("help.button")}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        className={styles.help}
        aria-label={t("help.button")}
        onClick={onOpen}
      >
        <IconKeyboard size={18} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

const LANGUAGES = [
  { language: "en", tag: "en", name: "English" },
  { language: "zh", tag: "zh-CN", name: "中文" },
] as const;

function LanguageButton() {
  const { t, language } = useTexts();
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("shell.language")}>
          <IconLanguage size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {LANGUAGES.map((choice) => (
          <Menu.Item
            key={choice.language}
            lang={choice.tag}
            onClick={() => setLanguage(choice.language)}
            data-chosen={choice.language === language || undefined}
            className={styles.choice}
          >
            {choice.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const THEMES = [
  { scheme: "light", label: "shell.theme.light", Icon: IconSun },
  { scheme: "dark", label: "shell.theme.dark", Icon: IconMoon },
  { scheme: "auto", label: "shell.theme.auto", Icon: IconSunMoon },
] as const;

function ThemeButton() {
  const { t } = useTexts();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { Icon } = THEMES.find(({ scheme }) => scheme === colorScheme) ?? THEMES[2];
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("shell.theme")}>
          <Icon size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {THEMES.map(({ scheme, label }) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            data-chosen={scheme === colorScheme || undefined}
            className={styles.choice}
          >
            {t(label)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** After a change of the page, reading goes on at its heading; not at the first one, which the browser announces. */
function useFocusOnNavigation(main: React.RefObject<HTMLElement | null>, pathname: string): void {
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current !== pathname) {
      before.current = pathname;
      (main.current?.querySelector<HTMLElement>("h1") ?? main.current)?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }, [main, pathname]);
}

/** Single keys, wherever nobody is typing. */
function useShortcuts(onHelp: () => void): void {
  const navigate = useNavigate();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = target.closest("input, textarea, select, [contenteditable], [role=dialog], [role=menu]");
      if (!areShortcutsOn() || typing !== null || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (event.key === "/") {
        document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
        event.preventDefault();
      } else if (event.key === "n") {
        void navigate(pageTo("/new"));
        event.preventDefault();
      } else if (event.key === "?") {
        onHelp();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate, onHelp]);
}
