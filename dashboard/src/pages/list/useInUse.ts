import { type RefObject, useEffect, useState } from "react";

/** Whether somebody points at the element, stands in it, or has opened a menu of it, which the page shows elsewhere. */
export function useInUse(place: RefObject<HTMLElement | null>): boolean {
  const [inUse, setInUse] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (element === null) {
      return;
    }
    const look = () =>
      setInUse(
        element.matches(":hover") ||
          element.contains(document.activeElement) ||
          element.querySelector("[aria-expanded='true']") !== null,
      );
    // The focus has not arrived yet when it leaves.
    const lookLater = () => setTimeout(look);
    const menus = new MutationObserver(look);
    menus.observe(element, { subtree: true, attributeFilter: ["aria-expanded"] });
    element.addEventListener("pointerenter", look);
    element.addEventListener("pointerleave", look);
    element.addEventListener("focusin", look);
    element.addEventListener("focusout", lookLater);
    return () => {
      menus.disconnect();
      element.removeEventListener("pointerenter", look);
      element.removeEventListener("pointerleave", look);
      element.removeEventListener("focusin", look);
      element.removeEventListener("focusout", lookLater);
    };
  }, [place]);
  return inUse;
}
