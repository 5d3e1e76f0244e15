import { type RefObject, useEffect, useState } from "react";

/** Whether somebody points at the element or stands in it. */
export function useInUse(place: RefObject<HTMLElement | null>): boolean {
  const [inUse, setInUse] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (element === null) {
      return;
    }
    const look = () => setInUse(element.matches(":hover") || element.contains(document.activeElement));
    // The focus has not arrived yet when it leaves.
    const lookLater = () => setTimeout(look);
    element.addEventListener("pointerenter", look);
    element.addEventListener("pointerleave", look);
    element.addEventListener("focusin", look);
    element.addEventListener("focusout", lookLater);
    return () => {
      element.removeEventListener("pointerenter", look);
      element.removeEventListener("pointerleave", look);
      element.removeEventListener("focusin", look);
      element.removeEventListener("focusout", lookLater);
    };
  }, [place]);
  return inUse;
}
