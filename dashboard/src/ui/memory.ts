/** What the browser keeps of earlier choices; null where it keeps nothing, as in a frame without storage. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A choice that is not kept is made again.
  }
}
