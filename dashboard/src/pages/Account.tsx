import { IconUserCircle } from "@tabler/icons-react";
import { useRef } from "react";
import { Link } from "react-router";
import { useMe } from "../api/queries";
import { serverPath } from "../base";
import { useTexts } from "../i18n";
import { Menu } from "../ui/kit";
import { pageTo } from "../ui/pageTo";
import styles from "./Shell.module.css";

/** The person's menu at the right of the head. */
export function Account() {
  const { t } = useTexts();
  const me = useMe();
  const here = useRef<HTMLFormElement>(null);
  const everywhere = useRef<HTMLFormElement>(null);
  const name = me.data?.name ?? "";
  return (
    <>
      <form ref={here} method="post" action={serverPath("/signout")} hidden />
      <form ref={everywhere} method="post" action={serverPath("/signout-everywhere")} hidden />
      <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <button type="button" className={styles.account} aria-label={t("shell.account", { name })}>
            <IconUserCircle size={18} aria-hidden />
            <span className={styles.accountName}>{name}</span>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component={Link} to={pageTo("/me")}>
            {t("me.title")}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>{t("shell.signout-hint")}</Menu.Label>
          <Menu.Item onClick={() => here.current?.submit()}>{t("shell.signout")}</Menu.Item>
          <Menu.Item onClick={() => everywhere.current?.submit()}>{t("shell.signout-everywhere")}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
