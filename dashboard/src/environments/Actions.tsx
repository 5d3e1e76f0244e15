import { IconDots } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useId, useRef, useState } from "react";
import type { EnvironmentView, Me } from "../api/schema";
import { useTexts } from "../i18n";
import { type Offer, obstacleOf, offersOf } from "../model/phases";
import { Button, Menu, Tooltip, VisuallyHidden } from "../ui/kit";
import { RowButton, RowHint, RowLink } from "../ui/RowControls";
import styles from "./Actions.module.css";
import { editorAddress } from "./editorAddress";
import { explainObstacle } from "./explain";
import { disturbs, StopQuestion } from "./StopQuestion";
import { useActions } from "./useActions";

interface ActionsProps {
  readonly environment: EnvironmentView;
  readonly onDelete: () => void;
}

/** What can be done with an environment now: the phase's first action as a button, the others in a menu. */
export function Actions({ environment, onDelete }: ActionsProps) {
  const { t } = useTexts();
  const { run, pending } = useActions();
  const [primary, ...others] = offersOf(environment);
  const queries = useQueryClient();
  const [asking, setAsking] = useState<Offer>();
  const choose = (offer: Offer) => {
    const { action } = offer;
    if (action === "delete") {
      onDelete();
    } else if (action !== "open") {
      const me = queries.getQueryData<Me>(["me"])?.name;
      if (offer !== asking && disturbs(environment, { action, me, now: Date.now() })) {
        setAsking(offer);
      } else {
        run({ environment, action });
      }
    }
  };
  if (primary === undefined) {
    return null;
  }
  return (
    <div className={styles.actions}>
      <Primary environment={environment} offer={primary} pending={pending !== undefined} onChoose={choose} />
      <More label={t("list.more", { name: environment.displayName })}>
        {others.map((offer) => (
          <Item key={offer.label} environment={environment} offer={offer} onChoose={choose} />
        ))}
      </More>
      {asking !== undefined && (
        <StopQuestion
          environment={environment}
          label={t(asking.label)}
          onAnswer={(yes) => {
            setAsking(undefined);
            if (yes) {
              choose(asking);
            }
          }}
        />
      )}
    </div>
  );
}

/** Is made when it is first asked for: a hundred rows would spend more on menus than on all else. */
function More({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  const [wanted, setWanted] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const look = { type: "button", className: styles.more, "aria-label": label } as const;
  if (!wanted) {
    return (
      <button {...look} aria-haspopup="menu" aria-expanded={false} onClick={() => setWanted(true)}>
        <IconDots size={18} aria-hidden />
      </button>
    );
  }
  return (
    <Menu
      defaultOpened
      position="bottom-end"
      portalProps={{ target: "#main" }}
      withInitialFocusPlaceholder={false}
      // The menu would give the focus back to the button that stood here before it.
      returnFocus={false}
      onClose={() => button.current?.focus()}
    >
      <Menu.Target>
        <button ref={button} {...look}>
          <IconDots size={18} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}

interface OfferProps {
  readonly environment: EnvironmentView;
  readonly offer: Offer;
  readonly onChoose: (offer: Offer) => void;
}

function Primary({ environment, offer, pending, onChoose }: OfferProps & { readonly pending: boolean }) {
  const { t } = useTexts();
  const refusal = useRefusal(environment, offer);
  const hint = useId();
  const label = (
    <>
      {t(offer.label)} <RowHint>{environment.displayName}</RowHint>
    </>
  );
  if (refusal !== null) {
    return (
      <Tooltip label={refusal}>
        <Button variant="default" size="xs" className={styles.refused} aria-disabled aria-describedby={hint}>
          {label}
          <VisuallyHidden id={hint}>{refusal}</VisuallyHidden>
        </Button>
      </Tooltip>
    );
  }
  if (offer.action === "open") {
    return (
      <RowLink href={editorAddress(environment)} strong={environment.phase === "Running"}>
        {label} <RowHint>{t("new-tab")}</RowHint>
      </RowLink>
    );
  }
  return (
    <RowButton busy={pending} onClick={() => onChoose(offer)}>
      {label}
    </RowButton>
  );
}

function Item({ environment, offer, onChoose }: OfferProps) {
  const { t } = useTexts();
  const refusal = useRefusal(environment, offer);
  if (refusal !== null) {
    return (
      <Menu.Item aria-disabled closeMenuOnClick={false} className={styles.refused}>
        {t(offer.label)}
        <span className={styles.why}>{refusal}</span>
      </Menu.Item>
    );
  }
  if (offer.action === "open") {
    return (
      <Menu.Item component="a" href={editorAddress(environment)} target="_blank" rel="noopener">
        {t(offer.label)} <VisuallyHidden>{t("new-tab")}</VisuallyHidden>
      </Menu.Item>
    );
  }
  return (
    <Menu.Item className={offer.action === "delete" ? styles.delete : undefined} onClick={() => onChoose(offer)}>
      {t(offer.label)}
    </Menu.Item>
  );
}

/** Why the server would refuse, or null. */
function useRefusal(environment: EnvironmentView, offer: Offer): string | null {
  const { t } = useTexts();
  return obstacleOf(environment, offer.action) === null ? null : explainObstacle(environment, offer.action, t);
}
