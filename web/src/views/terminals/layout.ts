/** A pane shows one terminal of the place: its process. */
export interface Pane {
  readonly type: "pane";
  readonly process: string;
}

export interface Split {
  readonly type: "split";
  /** row: side by side. */
  readonly direction: Direction;
  /** Part of the first, from 0 to 1. */
  readonly ratio: number;
  readonly first: Node;
  readonly second: Node;
}

export type Direction = "row" | "column";
export type Node = Pane | Split;

export interface TerminalTab {
  readonly id: string;
  readonly root: Node;
  /** The pane that has the focus when the tab is shown. */
  readonly active: string;
}

/** Which terminals are shown and where. A process is in one pane at most. */
export interface Layout {
  readonly tabs: readonly TerminalTab[];
  /** Id of the tab that is shown; "" where there is none. */
  readonly selected: string;
  readonly fontSize: number;
}

export const FONT_SIZE = { least: 8, normal: 13, most: 32 } as const;
const LEAST_RATIO = 0.1;
const MOST_PANES = 64;
const MOST_DEPTH = 8;

export const NO_TERMINALS: Layout = { tabs: [], selected: "", fontSize: FONT_SIZE.normal };

export function processesIn(root: Node): string[] {
  return root.type === "pane" ? [root.process] : [...processesIn(root.first), ...processesIn(root.second)];
}

export function processesOf(layout: Layout): string[] {
  return layout.tabs.flatMap(({ root }) => processesIn(root));
}

export function tabOf(layout: Layout, process: string): TerminalTab | undefined {
  return layout.tabs.find(({ root }) => processesIn(root).includes(process));
}

export function selectedTab(layout: Layout): TerminalTab | undefined {
  return layout.tabs.find(({ id }) => id === layout.selected);
}

/** Shows the process in a tab of its own; where it is shown already, there. */
export function openTab(layout: Layout, process: string): Layout {
  if (tabOf(layout, process) !== undefined) return focusPane(layout, process);
  const numbers = layout.tabs.map(({ id }) => Number(id.slice(1)) || 0);
  const id = `t${Math.max(0, ...numbers) + 1}`;
  const tab: TerminalTab = { id, root: { type: "pane", process }, active: process };
  return { ...layout, tabs: [...layout.tabs, tab], selected: id };
}

/** Halves the pane of `beside`, and shows the process in the second half. */
export function splitPane(layout: Layout, beside: string, direction: Direction, process: string): Layout {
  const tab = tabOf(layout, beside);
  if (tab === undefined || tabOf(layout, process) !== undefined) return openTab(layout, process);
  const root = replaced(tab.root, beside, (pane) => ({
    type: "split",
    direction,
    ratio: 0.5,
    first: pane,
    second: { type: "pane", process },
  }));
  return withTab(layout, { ...tab, root, active: process });
}

/** Shows another process in the same pane, such as the one that was started again. */
export function replaceProcess(layout: Layout, process: string, by: string): Layout {
  const tab = tabOf(layout, process);
  if (tab === undefined) return openTab(layout, by);
  const root = replaced(tab.root, process, () => ({ type: "pane", process: by }));
  return withTab(layout, { ...tab, root, active: tab.active === process ? by : tab.active });
}

/** The pane is gone; what was beside it takes its room, and a tab goes with its last pane. */
export function removeProcess(layout: Layout, process: string): Layout {
  const tab = tabOf(layout, process);
  if (tab === undefined) return layout;
  const root = without(tab.root, process);
  if (root !== undefined) {
    const before = processesIn(tab.root);
    const left = processesIn(root);
    const beside = before[before.indexOf(process) - 1] ?? left[0] ?? "";
    return withTab(layout, { ...tab, root, active: tab.active === process ? beside : tab.active });
  }
  const index = layout.tabs.indexOf(tab);
  const tabs = layout.tabs.filter((one) => one !== tab);
  const next = tabs[Math.min(index, tabs.length - 1)]?.id ?? "";
  return { ...layout, tabs, selected: layout.selected === tab.id ? next : layout.selected };
}

export function focusPane(layout: Layout, process: string): Layout {
  const tab = tabOf(layout, process);
  if (tab === undefined || (tab.active === process && layout.selected === tab.id)) return layout;
  return { ...withTab(layout, { ...tab, active: process }), selected: tab.id };
}

export function selectTab(layout: Layout, id: string): Layout {
  return layout.tabs.some((tab) => tab.id === id) ? { ...layout, selected: id } : layout;
}

/** The tab so many places further, around the end. */
export function stepTab(layout: Layout, by: number): Layout {
  const { length } = layout.tabs;
  const at = layout.tabs.findIndex(({ id }) => id === layout.selected);
  const next = layout.tabs[(at + by + length) % Math.max(1, length)];
  return next === undefined ? layout : { ...layout, selected: next.id };
}

/** `path`: of a divider. */
export function setRatio(layout: Layout, tabId: string, path: string, ratio: number): Layout {
  const tab = layout.tabs.find(({ id }) => id === tabId);
  if (tab === undefined) return layout;
  const clamped = Math.min(1 - LEAST_RATIO, Math.max(LEAST_RATIO, ratio));
  return withTab(layout, { ...tab, root: withRatio(tab.root, path, clamped) });
}

export function setFontSize(layout: Layout, size: number): Layout {
  return { ...layout, fontSize: Math.min(FONT_SIZE.most, Math.max(FONT_SIZE.least, Math.round(size))) };
}

/** Parts of the tab's room, from 0 to 1. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Divider {
  /** Way from the root to its split: 0 the first, 1 the second. */
  readonly path: string;
  readonly direction: Direction;
  readonly ratio: number;
  /** Of its split as a whole. */
  readonly box: Box;
}

/** Where each pane is, and what divides them. */
export function boxesOf(
  root: Node,
  box: Box = WHOLE,
  path = "",
): { readonly panes: ReadonlyMap<string, Box>; readonly dividers: readonly Divider[] } {
  if (root.type === "pane") return { panes: new Map([[root.process, box]]), dividers: [] };
  const { direction, ratio } = root;
  const isRow = direction === "row";
  const [width, height] = [isRow ? box.width * ratio : box.width, isRow ? box.height : box.height * ratio];
  const first = boxesOf(root.first, { ...box, width, height }, `${path}0`);
  const second = boxesOf(
    root.second,
    {
      x: isRow ? box.x + width : box.x,
      y: isRow ? box.y : box.y + height,
      width: isRow ? box.width - width : box.width,
      height: isRow ? box.height : box.height - height,
    },
    `${path}1`,
  );
  return {
    panes: new Map([...first.panes, ...second.panes]),
    dividers: [{ path, direction, ratio, box }, ...first.dividers, ...second.dividers],
  };
}

export const WHOLE: Box = { x: 0, y: 0, width: 1, height: 1 };

/** Where there is room for one pane only: the others are not seen. */
export function oneBox(
  process: string,
  root: Node,
): { readonly panes: ReadonlyMap<string, Box | undefined>; readonly dividers: readonly Divider[] } {
  const panes = processesIn(root).map((one) => [one, one === process ? WHOLE : undefined] as const);
  return { panes: new Map(panes), dividers: [] };
}

/** The one behind it, around the end. */
export function nextProcess(root: Node, process: string): string | undefined {
  const all = processesIn(root);
  return all[(all.indexOf(process) + 1) % all.length];
}

export type Side = "left" | "right" | "up" | "down";

/** The pane beside this one: the nearest that shares the most of its edge. */
export function neighbour(root: Node, process: string, side: Side): string | undefined {
  const { panes } = boxesOf(root);
  const from = panes.get(process);
  if (from === undefined) return undefined;
  const isAcross = side === "left" || side === "right";
  const end = (box: Box) => (isAcross ? box.x + box.width : box.y + box.height);
  const start = (box: Box) => (isAcross ? box.x : box.y);
  const shared = (box: Box) =>
    isAcross
      ? Math.min(from.y + from.height, box.y + box.height) - Math.max(from.y, box.y)
      : Math.min(from.x + from.width, box.x + box.width) - Math.max(from.x, box.x);
  const touches = (box: Box) =>
    side === "left" || side === "up"
      ? Math.abs(end(box) - start(from)) < 1e-6
      : Math.abs(start(box) - end(from)) < 1e-6;
  let best: { readonly process: string; readonly shared: number } | undefined;
  for (const [other, box] of panes) {
    if (other === process || !touches(box)) continue;
    const edge = shared(box);
    if (edge > 1e-6 && (best === undefined || edge > best.shared)) best = { process: other, shared: edge };
  }
  return best?.process;
}

/** What was kept, if it is a layout; pieces that make no sense are left out. */
export function layoutFrom(text: string | null): Layout | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !Array.isArray(value.tabs)) return undefined;
  const seen = new Set<string>();
  let layout: Layout = NO_TERMINALS;
  const tabs: TerminalTab[] = [];
  for (const tab of value.tabs) {
    if (!isRecord(tab) || typeof tab.id !== "string" || !/^t\d{1,6}$/.test(tab.id)) continue;
    if (tabs.some(({ id }) => id === tab.id)) continue;
    const root = nodeFrom(tab.root, seen, 0);
    if (root === undefined) continue;
    const [first = ""] = processesIn(root);
    const active = processesIn(root).find((process) => process === tab.active) ?? first;
    tabs.push({ id: tab.id, root, active });
  }
  layout = { ...layout, tabs, selected: tabs[0]?.id ?? "" };
  if (typeof value.selected === "string") layout = selectTab(layout, value.selected);
  return typeof value.fontSize === "number" && Number.isFinite(value.fontSize)
    ? setFontSize(layout, value.fontSize)
    : layout;
}

function nodeFrom(value: unknown, seen: Set<string>, depth: number): Node | undefined {
  if (!isRecord(value) || depth > MOST_DEPTH) return undefined;
  if (value.type === "pane") {
    const { process } = value;
    if (typeof process !== "string" || seen.has(process) || seen.size >= MOST_PANES) return undefined;
    seen.add(process);
    return { type: "pane", process };
  }
  const first = nodeFrom(value.first, seen, depth + 1);
  const second = nodeFrom(value.second, seen, depth + 1);
  if (first === undefined || second === undefined) return first ?? second;
  const direction = value.direction === "column" ? "column" : "row";
  const ratio =
    typeof value.ratio === "number" && value.ratio >= LEAST_RATIO && value.ratio <= 1 - LEAST_RATIO
      ? value.ratio
      : 0.5;
  return { type: "split", direction, ratio, first, second };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function withTab(layout: Layout, tab: TerminalTab): Layout {
  return { ...layout, tabs: layout.tabs.map((one) => (one.id === tab.id ? tab : one)) };
}

function replaced(node: Node, process: string, by: (pane: Pane) => Node): Node {
  if (node.type === "pane") return node.process === process ? by(node) : node;
  return { ...node, first: replaced(node.first, process, by), second: replaced(node.second, process, by) };
}

function without(node: Node, process: string): Node | undefined {
  if (node.type === "pane") return node.process === process ? undefined : node;
  const first = without(node.first, process);
  const second = without(node.second, process);
  if (first === undefined || second === undefined) return first ?? second;
  return { ...node, first, second };
}

function withRatio(node: Node, path: string, ratio: number): Node {
  if (node.type === "pane") return node;
  if (path === "") return { ...node, ratio };
  const rest = path.slice(1);
  return path.startsWith("0")
    ? { ...node, first: withRatio(node.first, rest, ratio) }
    : { ...node, second: withRatio(node.second, rest, ratio) };
}
