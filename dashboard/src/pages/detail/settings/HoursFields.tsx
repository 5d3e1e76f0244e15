import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useTexts } from "../../../i18n";
import { DAYS, nameOfDay, type WeekHours } from "../../../model/hours";
import { ActionIcon, Button, Checkbox, TextInput } from "../../../ui/kit";
import { zoneHere } from "../../../ui/preferences";
import type { FieldsProps } from "./fields";
import styles from "./Settings.module.css";

const MOST = 16;
const WORKDAYS = DAYS.slice(0, 5);

/** Times of a week at which it starts and stops by itself; they hold at once. */
export function HoursFields({ draft, change, problems }: FieldsProps) {
  const { t } = useTexts();
  const { schedule } = draft;
  const put = (next: readonly WeekHours[]) => change({ schedule: next });
  const add = () => {
    put([...schedule, { days: WORKDAYS, start: "", stop: "20:00", timeZone: zoneHere(), except: [] }]);
  };
  return (
    <fieldset className={styles.hours} data-field="schedule">
      <legend className={styles.heading}>{t("settings.field.schedule")}</legend>
      <p className={styles.hint}>{t("settings.schedule-hint")}</p>
      {schedule.map((hours, index) => (
        <Rule
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
          key={index}
          number={index + 1}
          hours={hours}
          onChange={(part) => put(schedule.map((known, place) => (place === index ? { ...known, ...part } : known)))}
          onRemove={() => put(schedule.filter((_, place) => place !== index))}
        />
      ))}
      {problems.schedule !== undefined && (
        <p className={styles.problem} role="alert">
          {problems.schedule}
        </p>
      )}
      {schedule.length < MOST && (
        <Button
          variant="default"
          size="xs"
          className={styles.add}
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={add}
        >
          {t("settings.schedule-add")}
        </Button>
      )}
    </fieldset>
  );
}

interface RuleProps {
  readonly number: number;
  readonly hours: WeekHours;
  readonly onChange: (part: Partial<WeekHours>) => void;
  readonly onRemove: () => void;
}

function Rule({ number, hours, onChange, onRemove }: RuleProps) {
  const { t, tag } = useTexts();
  const { days, timeZone, except } = hours;
  return (
    <fieldset className={styles.rule} aria-label={t("settings.schedule-rule", { number })}>
      <div className={styles.days}>
        {DAYS.map((day) => (
          <Checkbox
            key={day}
            label={nameOfDay(day, tag)}
            checked={days.includes(day)}
            onChange={(event) => {
              const on = event.currentTarget.checked;
              onChange({ days: DAYS.filter((known) => (known === day ? on : days.includes(known))) });
            }}
          />
        ))}
      </div>
      <div className={styles.times}>
        {(["start", "stop"] as const).map((which) => (
          <TextInput
            key={which}
            type="time"
            label={t(`settings.schedule-${which}`)}
            value={hours[which]}
            onChange={(event) => onChange({ [which]: event.currentTarget.value })}
          />
        ))}
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          aria-label={t("settings.schedule-remove", { number })}
          onClick={onRemove}
        >
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      </div>
      <p className={styles.hint}>
        {t("settings.schedule-zone", { zone: timeZone })}
        {except.length > 0 && ` ${t("settings.schedule-except", { days: except.join(", ") })}`}
      </p>
    </fieldset>
  );
}
