import { IconColumns3 } from "@tabler/icons-react";
import { useTexts } from "../../i18n";
import { ActionIcon, Checkbox, Popover } from "../../ui/kit";
import { type Columns, HIDEABLE } from "./columns";
import styles from "./Toolbar.module.css";

/** Which columns the table has. */
export function ColumnChoice({ hidden, hide }: Columns) {
  const { t } = useTexts();
  return (
    <Popover position="bottom-end" trapFocus returnFocus portalProps={{ target: "#main" }}>
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("list.columns")} title={t("list.columns")}>
          <IconColumns3 size={18} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <div className={styles.columns}>
          {HIDEABLE.map((column) => (
            <Checkbox
              key={column}
              size="xs"
              label={t(`list.column.${column}`)}
              checked={!hidden.has(column)}
              onChange={(event) => hide(column, !event.currentTarget.checked)}
            />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
