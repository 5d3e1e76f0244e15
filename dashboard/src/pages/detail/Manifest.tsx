import { IconDownload, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { client, take } from "../../api/client";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { CopyButton } from "../../ui/CopyButton";
import { Button, Skeleton } from "../../ui/kit";
import { saveText } from "../../ui/saveText";
import { Failure, Loading } from "../../ui/states";
import { YamlText } from "../../ui/YamlText";
import styles from "./DetailPage.module.css";

/** The object as the cluster has it. It stays as it was read while somebody reads; that it changed is said. */
export function Manifest({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { namespace, name, uid, resourceVersion } = environment;
  const manifest = useQuery({
    queryKey: ["yaml", uid],
    queryFn: async ({ signal }) => {
      const text = await take(
        client.GET("/api/v1/namespaces/{namespace}/environments/{name}/yaml", {
          params: { path: { namespace, name } },
          parseAs: "text",
          signal,
        }),
      );
      return { text, version: /^ {2}resourceVersion: ['"]?(\w+)['"]?$/m.exec(text)?.[1] };
    },
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
  if (manifest.isError) {
    return <Failure error={manifest.error} onRetry={() => manifest.refetch()} />;
  }
  if (manifest.data === undefined) {
    return (
      <Loading onRetry={() => manifest.refetch()}>
        <Skeleton height={320} animate={false} />
      </Loading>
    );
  }
  const { text, version } = manifest.data;
  const file = `${name}.${namespace}.yaml`;
  return (
    <>
      <div className={styles.tools}>
        <span className={styles.told}>{t(version === resourceVersion ? "yaml.current" : "yaml.changed")}</span>
        {version !== resourceVersion && (
          <Button
            variant="default"
            size="compact-sm"
            loading={manifest.isFetching}
            leftSection={<IconRefresh size={14} aria-hidden />}
            onClick={() => manifest.refetch()}
          >
            {t("yaml.reload")}
          </Button>
        )}
        <CopyButton text={text} about={file} />
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconDownload size={14} aria-hidden />}
          onClick={() => saveText(file, text)}
        >
          {t("yaml.download")}
        </Button>
      </div>
      <YamlText text={text} label={t("yaml.label", { name })} />
    </>
  );
}
