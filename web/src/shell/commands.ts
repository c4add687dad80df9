import { useEffect, useRef } from "react";
import { Variable } from "../state/observable.ts";

/** Something that can be done now: offered by the palette, and by its key. */
export interface PageCommand {
  readonly id: string;
  readonly title: string;
  /** "g w" (one after the other), "?", "Mod+K" (⌘ on a Mac, else Ctrl). */
  readonly keys?: string | undefined;
  /** Heading in the palette and in the list of shortcuts. Default "General". */
  readonly group?: string | undefined;
  readonly run: () => void;
}

export const commands = new Variable<readonly PageCommand[]>([]);

/** Offers these while the component is there. What was offered later wins a key. */
export function useCommands(list: readonly PageCommand[]): void {
  const newest = useRef(list);
  newest.current = list;
  const shape = JSON.stringify(list.map(({ id, title, keys, group }) => [id, title, keys, group]));
  // biome-ignore lint/correctness/useExhaustiveDependencies: what they do is looked up when they run
  useEffect(() => {
    const mine = newest.current.map((command) => ({
      ...command,
      run: () => newest.current.find(({ id }) => id === command.id)?.run(),
    }));
    commands.set([...commands.get(), ...mine]);
    return () => commands.set(commands.get().filter((one) => !mine.includes(one as (typeof mine)[number])));
  }, [shape]);
}

const SEQUENCE_MS = 1200;
let pending: { readonly key: string; readonly at: number } | undefined;

/** Runs what the key stands for. Keys that are typed into something belong to that, but for those with Mod. */
export function onPageKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const isMod = isMac ? event.metaKey : event.ctrlKey;
  if (isTyping(event.target) && !isMod) return;
  if (event.altKey || (!isMod && (event.ctrlKey || event.metaKey))) return;
  const key = isMod ? `Mod+${event.shiftKey ? "Shift+" : ""}${event.key.toUpperCase()}` : event.key;
  const before =
    pending !== undefined && event.timeStamp - pending.at < SEQUENCE_MS ? pending.key : undefined;
  pending = undefined;
  const all = commands.get();
  const find = (keys: string) => all.findLast((command) => command.keys === keys);
  const found = (before === undefined ? undefined : find(`${before} ${key}`)) ?? find(key);
  if (found !== undefined) {
    event.preventDefault();
    found.run();
    return;
  }
  if (all.some((command) => command.keys?.startsWith(`${key} `))) pending = { key, at: event.timeStamp };
}

export const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Keys as they are called on this machine. */
export function keysForPeople(keys: string): string {
  return keys
    .replace("Mod+", isMac ? "⌘" : "Ctrl+")
    .replace("Shift+", isMac ? "⇧" : "Shift+")
    .replace(/ARROW[A-Z]+|ENTER/, (key) => KEY_NAMES[key] ?? key);
}

const KEY_NAMES: Readonly<Record<string, string>> = {
  ARROWLEFT: "←",
  ARROWRIGHT: "→",
  ARROWUP: "↑",
  ARROWDOWN: "↓",
  ENTER: "Enter",
};

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
