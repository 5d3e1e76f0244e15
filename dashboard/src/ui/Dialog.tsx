import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTexts } from "../i18n";
import styles from "./Dialog.module.css";

interface DialogProps {
  readonly opened: boolean;
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A modal dialog: the focus stays in it, Escape closes it, and then goes back to where it came from. */
export function Dialog({ opened, title, onClose, children }: DialogProps) {
  const { t } = useTexts();
  return (
    // The library would stop scrolling with a style element that our content policy does not know; tokens.css does it.
    <Modal.Root opened={opened} onClose={onClose} size="lg" lockScroll={false}>
      <Modal.Overlay />
      <Modal.Content>
        <div className={styles.head}>
          <Modal.Title className={styles.title}>{title}</Modal.Title>
          <Modal.CloseButton aria-label={t("close")} />
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** A sentence of a dialog that asks. */
export function DialogText({ children }: { readonly children: ReactNode }) {
  return <p className={styles.text}>{children}</p>;
}

/** The answers of a dialog that asks, the harmless one first. */
export function DialogButtons({ children }: { readonly children: ReactNode }) {
  return <div className={styles.buttons}>{children}</div>;
}
