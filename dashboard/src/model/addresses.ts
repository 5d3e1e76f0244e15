// Short, friendly, and unmistakable when read out aloud.
const FIRST =
  "amber brave brisk calm clear eager fair fleet gentle glad keen kind light lucky mellow neat quick quiet solid sunny swift warm wise young".split(
    " ",
  );
const SECOND =
  "badger bear crane deer dove finch fox hare heron ibis koala lark lynx mole otter owl panda puffin raven seal stork swan tiger wren".split(
    " ",
  );

export const ADDRESS_LENGTH = 40;

/** An address for a new environment that is not in `taken`: the template's name and two words. */
export function suggestAddress(template: string, taken: ReadonlySet<string>, random: () => number): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)] ?? "new";
  const stem = template
    .replace(/[^a-z0-9-]/g, "-")
    .replace(/-+/g, "-")
    .replace(/^[^a-z]+|-$/g, "")
    .slice(0, 20)
    .replace(/-$/, "");
  let suggestion = "";
  for (let attempt = 0; attempt < 20; attempt += 1) {
    suggestion = [stem, pick(FIRST), pick(SECOND)].filter(Boolean).join("-");
    if (!taken.has(suggestion)) {
      break;
    }
  }
  return suggestion;
}

/** What is wrong with an address, as the cluster would say it. */
export function findAddressProblem(address: string): "required" | "rule" | "long" | null {
  if (address === "") {
    return "required";
  }
  if (address.length > ADDRESS_LENGTH) {
    return "long";
  }
  return /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(address) ? null : "rule";
}
