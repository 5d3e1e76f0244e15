export interface DiffLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

// Beyond this many comparisons the texts have little in common, or somebody pasted a book.
const MOST = 4_000_000;

/** What became of `before` in `after`, line by line, by their longest common subsequence. */
export function diffLines(before: string, after: string): DiffLine[] {
  const old = before.split("\n");
  const fresh = after.split("\n");
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) {
    head += 1;
  }
  let tail = 0;
  while (tail < old.length - head && tail < fresh.length - head && old.at(-1 - tail) === fresh.at(-1 - tail)) {
    tail += 1;
  }
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return [
    ...old.slice(0, head).map(same),
    ...diffMiddle(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)),
    ...old.slice(old.length - tail).map(same),
  ];
}

function diffMiddle(old: readonly string[], fresh: readonly string[]): DiffLine[] {
  const removed = old.map((text): DiffLine => ({ kind: "removed", text }));
  const added = fresh.map((text): DiffLine => ({ kind: "added", text }));
  if (old.length * fresh.length > MOST) {
    return [...removed, ...added];
  }
  const common = lengthsOfCommon(old, fresh);
  const width = fresh.length + 1;
  const result: DiffLine[] = [];
  let [left, right] = [0, 0];
  while (left < old.length && right < fresh.length) {
    if (old[left] === fresh[right]) {
      result.push({ kind: "same", text: old[left] as string });
      left += 1;
      right += 1;
    } else if ((common[(left + 1) * width + right] ?? 0) >= (common[left * width + right + 1] ?? 0)) {
      result.push(removed[left++] as DiffLine);
    } else {
      result.push(added[right++] as DiffLine);
    }
  }
  return [...result, ...removed.slice(left), ...added.slice(right)];
}

/** At `[left * width + right]` how many lines the rests from `left` and from `right` have in common. */
function lengthsOfCommon(old: readonly string[], fresh: readonly string[]): Uint32Array {
  const width = fresh.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let left = old.length - 1; left >= 0; left--) {
    for (let right = fresh.length - 1; right >= 0; right--) {
      const [below, beside] = [common[(left + 1) * width + right] ?? 0, common[left * width + right + 1] ?? 0];
      const both = (common[(left + 1) * width + right + 1] ?? 0) + 1;
      common[left * width + right] = old[left] === fresh[right] ? both : Math.max(below, beside);
    }
  }
  return common;
}

/** The changed lines and `context` lines around them; `null` where lines are left out. */
export function withContext(lines: readonly DiffLine[], context: number): (DiffLine | null)[] {
  const near = (index: number) =>
    lines.slice(Math.max(0, index - context), index + context + 1).some(({ kind }) => kind !== "same");
  const result: (DiffLine | null)[] = [];
  lines.forEach((line, index) => {
    if (near(index)) {
      result.push(line);
    } else if (result.at(-1) !== null) {
      result.push(null);
    }
  });
  return result;
}
