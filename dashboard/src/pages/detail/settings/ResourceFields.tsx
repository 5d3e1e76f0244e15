import type { EnvironmentView } from "../../../api/schema";
import { Variables } from "../../../environments/Variables";
import { useTexts } from "../../../i18n";
import { SIZES, type Size, sizesWithin } from "../../../model/sizes";
import { NativeSelect, TextInput } from "../../../ui/kit";
import type { FieldsProps } from "./fields";
import styles from "./Settings.module.css";

/** What the next pod gets; only the disk grows at once. */
export function ResourceFields(props: FieldsProps & { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { draft, change, problems, template, environment } = props;
  const most = template?.maxStorage ?? null;
  const images = template?.images ?? [];
  const ownVariables = template?.ownVariables === true || draft.variables.length > 0;
  return (
    <section className={styles.group} aria-labelledby="settings-resources">
      <h2 id="settings-resources" className={styles.heading}>
        {t("settings.resources")}
      </h2>
      <p className={styles.hint}>{t("settings.at-restart")}</p>
      <SizeFields {...props} />
      <div className={styles.pair}>
        <div data-field="storage">
          <TextInput
            label={t("settings.field.storage")}
            description={most === null ? t("create.storage-free") : t("create.storage-hint", { max: most })}
            placeholder={template?.storage ?? environment.storage}
            value={draft.storage}
            error={problems.storage}
            onChange={(event) => change({ storage: event.currentTarget.value })}
          />
        </div>
        {(images.length > 0 || draft.image !== "") && (
          <div data-field="image">
            <NativeSelect
              label={t("settings.field.image")}
              value={draft.image}
              error={problems.image}
              onChange={(event) => change({ image: event.currentTarget.value })}
              data={[
                { value: "", label: t("create.image-default", { image: template?.image ?? "" }) },
                // One that is not allowed any more is still what it has.
                ...new Set([...images, ...(draft.image === "" ? [] : [draft.image])]),
              ]}
            />
          </div>
        )}
      </div>
      {ownVariables ? (
        <Variables
          variables={draft.variables}
          problem={problems.variables}
          onChange={(variables) => change({ variables })}
        />
      ) : (
        <p className={styles.hint}>{t("create.variables-refused")}</p>
      )}
    </section>
  );
}

function SizeFields({ draft, change, problems, template, environment }: Parameters<typeof ResourceFields>[0]) {
  const { t } = useTexts();
  const line = (cpu: string, memory: string) => t("create.size-short", { cpu, memory });
  const named = template === null ? SIZES : sizesWithin(template);
  const kept = SIZES.filter(({ id }) => id === draft.size && !named.some((other) => other.id === id));
  const choices: readonly { value: Size; label: string }[] = [
    {
      value: "default",
      label:
        template === null
          ? t("create.size.default")
          : `${t("create.size.default")} · ${line(template.cpu, template.memory)}`,
    },
    ...[...named, ...kept].map(({ id, cpu, memory }) => ({
      value: id,
      label: `${t(`create.size.${id}`)} · ${line(cpu, memory)}`,
    })),
    { value: "own", label: t("create.size.own") },
  ];
  const bounds =
    template === null || template.maxCpu === null || template.maxMemory === null
      ? undefined
      : t("create.size-most", { cpu: template.maxCpu, memory: template.maxMemory });
  const choose = (size: Size) =>
    change(
      size === "own"
        ? { size, cpu: draft.cpu || environment.cpu, memory: draft.memory || environment.memory }
        : { size },
    );
  const problem = draft.size === "own" ? undefined : (problems.cpu ?? problems.memory);
  return (
    <div className={styles.pair}>
      <div data-field={draft.size === "own" ? undefined : "cpu"}>
        <NativeSelect
          label={t("create.size")}
          description={bounds}
          value={draft.size}
          error={problem}
          onChange={(event) => choose(choices.find(({ value }) => value === event.currentTarget.value)?.value ?? "own")}
          data={[...choices]}
        />
      </div>
      {draft.size === "own" && (
        <div className={styles.pair}>
          <div data-field="cpu">
            <TextInput
              label={t("settings.field.cpu")}
              description={t("create.cpu-hint")}
              value={draft.cpu}
              error={problems.cpu}
              onChange={(event) => change({ cpu: event.currentTarget.value })}
            />
          </div>
          <div data-field="memory">
            <TextInput
              label={t("settings.field.memory")}
              description={t("create.memory-hint")}
              value={draft.memory}
              error={problems.memory}
              onChange={(event) => change({ memory: event.currentTarget.value })}
            />
          </div>
        </div>
      )}
    </div>
  );
}
