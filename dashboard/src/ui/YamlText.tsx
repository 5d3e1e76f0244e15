import { memo } from "react";
import styles from "./YamlText.module.css";

interface Part {
  readonly kind: "key" | "string" | "value" | "plain";
  readonly text: string;
}

const PAIR = /^(\s*(?:- )*)([\w./-]+|'[^']*'|"[^"]*")(:)(?: (.*))?$/;
const PLAIN_VALUE = /^(?:true|false|null|~|-?\d+(?:\.\d+)?|\{\}|\[\])$/;

/** The parts of one line of YAML by what they are; enough to find one's way, not a parser. */
export function partsOf(line: string): readonly Part[] {
  const pair = PAIR.exec(line);
  if (pair === null) {
    return [{ kind: "plain", text: line }];
  }
  const [, indent = "", key = "", colon = "", value = ""] = pair;
  const parts: Part[] = [
    { kind: "plain", text: indent },
    { kind: "key", text: key },
    { kind: "plain", text: value === "" ? colon : `${colon} ` },
  ];
  if (value !== "") {
    parts.push({ kind: PLAIN_VALUE.test(value) ? "value" : "string", text: value });
  }
  return parts.filter(({ text }) => text !== "");
}

/** A YAML document to read, with its keys told apart from their values. */
export function YamlText({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={styles.frame} aria-label={label} tabIndex={0}>
      <pre className={styles.text} lang="en">
        {text.split("\n").map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is what stands at its place
          <Line key={index} line={line} />
        ))}
      </pre>
    </section>
  );
}

const Line = memo(function Line({ line }: { readonly line: string }) {
  return (
    <>
      {partsOf(line).map(({ kind, text }) => (
        <span key={kind + text} data-kind={kind}>
          {text}
        </span>
      ))}
      {"\n"}
    </>
  );
});
