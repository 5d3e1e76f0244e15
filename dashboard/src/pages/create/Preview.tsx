import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { client, take } from "../../api/client";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { CopyButton } from "../../ui/CopyButton";
import { useSettled } from "../../ui/useSettled";
import { YamlText } from "../../ui/YamlText";
import styles from "./CreatePage.module.css";
import { type Form, findLocalProblems, makeRequest } from "./form";

/** What the form would create, as the server makes it of what is sent; asked for once somebody wants to see it. */
export function Preview({ form }: { readonly form: Form }) {
  const { t } = useTexts();
  const [open, setOpen] = useState(false);
  const settled = useSettled(form);
  const complete = Object.keys(findLocalProblems(settled)).length === 0;
  const draft = useQuery({
    queryKey: ["draft", settled],
    queryFn: ({ signal }) =>
      take(
        client.POST("/api/v1/namespaces/{namespace}/manifest", {
          params: { path: { namespace: settled.namespace } },
          body: makeRequest(settled),
          parseAs: "text",
          signal,
        }),
      ),
    enabled: open && complete,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.previewTitle}>{t("create.preview")}</summary>
      <div className={styles.preview}>
        {complete && draft.isError && (
          <p className={styles.problem} role="alert">
            {explain(draft.error, t)}
          </p>
        )}
        {complete && draft.data !== undefined ? (
          <>
            <CopyButton text={draft.data} about={t("create.preview-label")} />
            <YamlText text={draft.data} label={t("create.preview-label")} />
          </>
        ) : (
          <p className={styles.hint}>{t("create.preview-hint")}</p>
        )}
      </div>
    </details>
  );
}
