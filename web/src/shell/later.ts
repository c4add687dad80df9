import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import { pause } from "../../../src/client/retry.ts";

const RETRY_MS = 500;

/**
 * A component whose code is loaded when it is first shown. Where the code is gone because the runner has another version by
 * now, the page is loaded anew.
 */
export function later<Props>(
  load: () => Promise<ComponentType<Props>>,
): LazyExoticComponent<ComponentType<Props>> {
  return lazy(async () => {
    try {
      return { default: await load().catch(() => again(load)) };
    } catch (error) {
      if (await isOutdated()) {
        location.reload();
        // Nothing is shown on the way.
        await new Promise(() => undefined);
      }
      throw error;
    }
  });
}

/** Browsers end loads when a network interface comes or goes, be it a container's: that has passed by then. */
async function again<Value>(load: () => Promise<Value>): Promise<Value> {
  await pause(RETRY_MS, undefined);
  return load();
}

/** Whether the runner has another page than this one: its files are named by what is in them. */
async function isOutdated(): Promise<boolean> {
  try {
    const answer = await fetch("/", { headers: { accept: "text/html" } });
    const own = document.querySelector('script[type="module"]')?.getAttribute("src");
    return answer.ok && typeof own === "string" && !(await answer.text()).includes(own);
  } catch {
    return false;
  }
}
