import { IconChevronDown, IconMenu2 } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { useMe } from "../api/queries";
import { embedded } from "../base";
import { useTexts } from "../i18n";
import { Menu } from "../ui/kit";
import { PageLink } from "../ui/PageLink";
import { pageTo } from "../ui/pageTo";
import { useWide } from "../ui/useWide";
import styles from "./Shell.module.css";

const PAGES = [
  { path: "/envs", label: "nav.environments" },
  { path: "/templates", label: "nav.templates" },
  { path: "/disks", label: "nav.disks" },
  // Only for those who may; the API does not show it to others either.
  { path: "/admin", label: "nav.admin" },
  // Elsewhere it is in the person's menu.
  { path: "/me", label: "me.title" },
] as const;

/** The ways to the pages: side by side, or behind a button that says where one is. */
export function Navigation() {
  const { t } = useTexts();
  const wide = useWide();
  const { pathname } = useLocation();
  const seesAll = useMe().data?.seesAll === true;
  const pages = PAGES.filter(({ path }) => (path !== "/admin" || seesAll) && (path !== "/me" || embedded));
  const current = pages.find(({ path }) => pathname.startsWith(path));
  return (
    <nav aria-label={t("nav.label")} className={styles.nav}>
      {wide ? (
        pages.map(({ path, label }) => (
          <PageLink key={path} to={path} className={styles.page} current={path === current?.path}>
            {t(label)}
          </PageLink>
        ))
      ) : (
        <Menu position="bottom-start" withinPortal={false} withInitialFocusPlaceholder={false}>
          <Menu.Target>
            <button type="button" className={styles.menu}>
              <IconMenu2 size={18} aria-hidden />
              {t(current?.label ?? "nav.menu")}
              <IconChevronDown size={16} aria-hidden />
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {pages.map(({ path, label }) => (
              <Menu.Item
                key={path}
                component={Link}
                to={pageTo(path)}
                className={styles.choice}
                aria-current={path === current?.path ? "page" : undefined}
                data-chosen={path === current?.path || undefined}
              >
                {t(label)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </nav>
  );
}
