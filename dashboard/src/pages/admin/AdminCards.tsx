import { useTexts } from "../../i18n";
import { EnvironmentCard, EnvironmentCards } from "../list/EnvironmentCard";
import { toggle } from "../list/rows";
import { type AdminRowsProps, Idle } from "./AdminTable";

/** The table's rows where there is no room for a table. */
export function AdminCards({ rows, selected, onSelect }: AdminRowsProps) {
  const { t } = useTexts();
  return (
    <EnvironmentCards>
      {rows.map((environment) => (
        <EnvironmentCard
          key={environment.uid}
          environment={environment}
          selected={selected.has(environment.uid)}
          onSelect={(on) => onSelect(toggle(selected, environment.uid, on))}
          facts={[
            [t("admin.column.owner"), environment.owner],
            [t("admin.column.project"), environment.namespace],
            [t("admin.column.idle"), <Idle key="idle" environment={environment} />],
            [t("admin.column.size"), t("create.size-short", { cpu: environment.cpu, memory: environment.memory })],
          ]}
        />
      ))}
    </EnvironmentCards>
  );
}
