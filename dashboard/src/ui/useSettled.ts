import { useEffect, useState } from "react";

const PAUSE_MS = 400;

/** The value as it was when it had not changed for a moment: what is worth asking the server about. */
export function useSettled<Value>(value: Value): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
