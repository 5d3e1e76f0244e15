import { Actions } from "../../environments/Actions";
import { Ago } from "../../environments/Ago";
import { TemplateName } from "../../environments/TemplateName";
import { useTexts } from "../../i18n";
import { EnvironmentCard, EnvironmentCards } from "./EnvironmentCard";
import { type RowsProps, toggle } from "./rows";

/** The same facts as in the table, for narrow screens and for those who like cards. */
export function Cards({ rows, known, selected, onSelect, onDelete, templateNames }: RowsProps) {
  const { t } = useTexts();
  return (
    <EnvironmentCards>
      {rows.map((environment) => {
        const { uid } = environment;
        const gone = !known.has(uid);
        return (
          <EnvironmentCard
            key={uid}
            environment={environment}
            gone={gone}
            selected={selected.has(uid)}
            onSelect={(on) => onSelect((before) => toggle(before, uid, on))}
            facts={[
              [
                t("list.column.template"),
                <TemplateName
                  key="template"
                  name={environment.template}
                  told={templateNames.get(environment.template)}
                />,
              ],
              [t("list.column.project"), environment.namespace],
              [t("list.column.activity"), <Ago key="activity" time={environment.lastActivity} />],
            ]}
          >
            {!gone && <Actions environment={environment} onDelete={() => onDelete(environment)} />}
          </EnvironmentCard>
        );
      })}
    </EnvironmentCards>
  );
}
