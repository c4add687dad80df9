import { type RefObject, useLayoutEffect } from "react";

/** When the element goes while the focus is in it, the content of the page gets it: else it would be nowhere. */
export function useFocusKept(ref: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = ref.current;
    return () => {
      if (element?.contains(document.activeElement)) document.getElementById("main")?.focus();
    };
  }, [ref]);
}
