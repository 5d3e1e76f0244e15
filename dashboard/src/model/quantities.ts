const FACTORS: Record<string, number> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number that a quantity of Kubernetes stands for, or undefined where it is none. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?|\.\d+)([a-zA-Z]*)$/.exec(text.trim());
  const factor = FACTORS[match?.[2] ?? "?"];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}

export function formatCores(cores: number, tag: string): string {
  return new Intl.NumberFormat(tag, { maximumFractionDigits: 2 }).format(cores);
}

const UNITS: readonly [size: number, name: string][] = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
];

function unitOf(bytes: number): readonly [size: number, name: string] {
  return UNITS.find(([limit]) => bytes >= limit) ?? [1, "B"];
}

/** "1.4": bytes in the unit of another number of bytes that is written beside it. */
export function formatInUnitOf(other: number, options: { bytes: number; tag: string }): string {
  const value = options.bytes / unitOf(other)[0];
  const digits = value < 10 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 };
  return new Intl.NumberFormat(options.tag, digits).format(value);
}

/** "1.5 GiB": in the unit that quantities of Kubernetes are mostly written in. */
export function formatBytes(bytes: number, tag: string): string {
  const [size, name] = unitOf(bytes);
  return `${new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }).format(bytes / size)} ${name}`;
}
