import { IconCode } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useParams } from "react-router";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { Failure } from "../../ui/states";
import styles from "./StartPage.module.css";
import { fetchTicket } from "./ticket";

/**
 * The way into an editor from a frame without cookies: fetches an address that works once and goes there. It is a page
 * of its own in a tab of its own, because an editor is never shown in a frame.
 */
export function StartPage() {
  const { t } = useTexts();
  const { namespace = "", name = "" } = useParams();
  const ticket = useQuery({
    queryKey: ["ticket", namespace, name],
    queryFn: ({ signal }) => fetchTicket({ namespace, name, signal }),
    // It works once, and not for long.
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    refetchOnWindowFocus: false,
  });
  const address = ticket.data;
  useEffect(() => {
    if (address !== undefined) {
      location.replace(address);
    }
  }, [address]);
  return (
    <>
      <Banner icon={IconCode} title={name} description={t("start.opening")} />
      {ticket.isError && (
        <div className={styles.panel}>
          <Failure error={ticket.error} onRetry={() => ticket.refetch()} />
        </div>
      )}
    </>
  );
}
