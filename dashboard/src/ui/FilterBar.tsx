import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import styles from "./FilterBar.module.css";
import { TextInput } from "./kit";

/** The line above a list: what is looked for, and what can be done. */
export function FilterBar({ children }: { readonly children: ReactNode }) {
  return <div className={styles.bar}>{children}</div>;
}

interface SearchFieldProps {
  readonly label: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
}

/** Shows what is typed at once: the address, which lists go by, follows when there is time. */
export function SearchField({ label, text, onChange }: SearchFieldProps) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <TextInput
      type="search"
      radius="xl"
      className={styles.search}
      leftSection={<IconSearch size={16} aria-hidden />}
      aria-label={label}
      placeholder={label}
      value={typed ?? text}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        onChange(event.currentTarget.value);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

interface ChoicesProps<Value extends string> {
  readonly label: string;
  readonly choices: readonly { readonly value: Value; readonly label: string; readonly count: number }[];
  readonly chosen: NoInfer<Value>;
  readonly onChange: (value: NoInfer<Value> | "all") => void;
}

/** One of several filters with what each lets through; the chosen one and `all` are there even with nothing. */
export function Choices<Value extends string>({ label, choices, chosen, onChange }: ChoicesProps<Value>) {
  return (
    <fieldset className={styles.choices} aria-label={label}>
      {choices
        .filter(({ value, count }) => value === "all" || value === chosen || count > 0)
        .map((choice) => (
          <button
            key={choice.value}
            type="button"
            className={styles.choice}
            aria-pressed={choice.value === chosen}
            onClick={() => onChange(choice.value === chosen ? "all" : choice.value)}
          >
            {choice.label} <span className={styles.count}>{choice.count}</span>
          </button>
        ))}
    </fieldset>
  );
}
