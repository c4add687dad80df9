import { keep, kept } from "../../state/kept.ts";
import { type Layout, layoutFrom, NO_TERMINALS } from "./layout.ts";

const layoutKey = (workspace: string) => `berth.terminals.${workspace}`;
const WRITER_KEY = "berth.terminals.writer";
const ofTab = () => sessionStorage;

/** As this tab of the browser had it, else as the last one had it. */
export function keptLayout(workspace: string): Layout {
  const key = layoutKey(workspace);
  return layoutFrom(kept(key, ofTab)) ?? layoutFrom(kept(key)) ?? NO_TERMINALS;
}

export function keepLayout(workspace: string, layout: Layout): void {
  const text = JSON.stringify(layout);
  keep(layoutKey(workspace), text, ofTab);
  keep(layoutKey(workspace), text);
}

/** Whether this tab of the browser typed into the process before it was loaded again. */
export function wasWriter(process: string): boolean {
  return writers().includes(process);
}

export function keepWriter(process: string, isWriter: boolean): void {
  const others = writers().filter((one) => one !== process);
  keep(WRITER_KEY, JSON.stringify(isWriter ? [...others, process].slice(-64) : others), ofTab);
}

function writers(): readonly string[] {
  try {
    const value: unknown = JSON.parse(kept(WRITER_KEY, ofTab) ?? "[]");
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}
