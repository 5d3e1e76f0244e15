import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useTexts } from "../../i18n";
import { PAGE_SIZES, type View } from "../../model/listing";
import { ActionIcon, NativeSelect } from "../../ui/kit";
import styles from "./Pager.module.css";

interface PagerProps {
  readonly total: number;
  readonly page: number;
  readonly last: number;
  readonly size: number;
  readonly onChange: (part: Partial<View>) => void;
}

export function Pager({ total, page, last, size, onChange }: PagerProps) {
  const { t } = useTexts();
  return (
    <div className={styles.pager}>
      <span className={styles.total}>{t("list.summary", { count: total })}</span>
      {total > PAGE_SIZES[0] && (
        <>
          <NativeSelect
            size="xs"
            aria-label={t("list.per-page")}
            value={String(size)}
            onChange={(event) => {
              const wanted = Number(event.currentTarget.value);
              onChange({ size: PAGE_SIZES.find((known) => known === wanted) ?? PAGE_SIZES[0] });
            }}
            data={PAGE_SIZES.map((known) => ({
              value: String(known),
              label: t("list.per-page-count", { count: known }),
            }))}
          />
          <nav aria-label={t("list.pages")} className={styles.steps}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t("list.previous")}
              disabled={page <= 1}
              onClick={() => onChange({ page: page - 1 })}
            >
              <IconChevronLeft size={18} aria-hidden />
            </ActionIcon>
            <span aria-current="page">{t("list.page-of", { page, last })}</span>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t("list.next")}
              disabled={page >= last}
              onClick={() => onChange({ page: page + 1 })}
            >
              <IconChevronRight size={18} aria-hidden />
            </ActionIcon>
          </nav>
        </>
      )}
    </div>
  );
}
