import { IconError404 } from "@tabler/icons-react";
import { useTexts } from "../i18n";
import { Banner } from "../ui/Banner";
import { Button } from "../ui/kit";
import { PageLink } from "../ui/PageLink";
import { Message } from "../ui/states";

export function NoSuchPage() {
  const { t } = useTexts();
  return (
    <>
      <Banner icon={IconError404} title={t("missing.title")} description={t("missing.page")} />
      <p>
        <PageLink to="/envs">{t("missing.back")}</PageLink>
      </p>
    </>
  );
}

/** What is left when our own code fails. */
export function Crash() {
  const { t } = useTexts();
  return (
    <main>
      <Message title={t("crash.title")} text={t("crash.hint")} tone="failed">
        <Button onClick={() => location.reload()}>{t("crash.reload")}</Button>
      </Message>
    </main>
  );
}
