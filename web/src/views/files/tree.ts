import { joinPath, parentOf } from "./paths.ts";

export interface TreeEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";
}

/** What is known of a directory. */
export interface Directory {
  /** undefined: never read. They stay while it is read again. */
  readonly entries: readonly TreeEntry[] | undefined;
  /** There are more than were read. */
  readonly isCut?: boolean;
  readonly error?: unknown;
}

/** What is known of a path besides its entry; null: nothing is there, as behind a link that leads nowhere. */
export interface PathFacts {
  readonly size: number;
  readonly isDirectory: boolean;
}

export interface TreeState {
  readonly directories: ReadonlyMap<string, Directory>;
  /** Directories that are unfolded. */
  readonly open: ReadonlySet<string>;
  /** Of links: what they lead to. */
  readonly facts: ReadonlyMap<string, PathFacts | null>;
  readonly hidden: boolean;
}

export interface TreeRow {
  readonly path: string;
  readonly name: string;
  readonly type: TreeEntry["type"];
  /** From 1. */
  readonly level: number;
  /** undefined: nothing can be in it. */
  readonly isOpen: boolean | undefined;
  readonly position: number;
  readonly siblings: number;
  /** In place of a name: what is to be said of the directory above. */
  readonly note?:
    | { readonly kind: "loading" | "empty" | "cut" }
    | { readonly kind: "error"; readonly error: unknown };
}

/** What the tree shows, from above; directories before files, both by name. */
export function treeRows(state: TreeState): TreeRow[] {
  const rows: TreeRow[] = [];
  addRows(rows, state, "", 1);
  return rows;
}

function addRows(rows: TreeRow[], state: TreeState, directory: string, level: number): void {
  const known = state.directories.get(directory);
  const note = (text: NonNullable<TreeRow["note"]>) =>
    rows.push({
      path: `${directory}/\0${text.kind}`,
      name: "",
      type: "file",
      level,
      isOpen: undefined,
      position: 1,
      siblings: 1,
      note: text,
    });
  if (known?.error !== undefined) note({ kind: "error", error: known.error });
  if (known?.entries === undefined) {
    if (known?.error === undefined) note({ kind: "loading" });
    return;
  }
  const entries = sorted(known.entries, state, directory);
  if (entries.length === 0) note({ kind: "empty" });
  for (const [index, { name, type }] of entries.entries()) {
    const path = joinPath(directory, name);
    const isOpen = isDirectory(state, path, type) ? state.open.has(path) : undefined;
    rows.push({ path, name, type, level, isOpen, position: index + 1, siblings: entries.length });
    if (isOpen) addRows(rows, state, path, level + 1);
  }
  if (known.isCut) note({ kind: "cut" });
}

function isDirectory({ facts }: TreeState, path: string, type: TreeEntry["type"]): boolean {
  return type === "directory" || (type === "symlink" && facts.get(path)?.isDirectory === true);
}

const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
/** Of entries that have not changed: a tree is drawn far more often than a directory is read. */
const sortedBefore = new WeakMap<
  readonly TreeEntry[],
  { readonly key: string; readonly entries: TreeEntry[] }
>();

function sorted(entries: readonly TreeEntry[], state: TreeState, directory: string): readonly TreeEntry[] {
  const links = entries
    .filter(({ name, type }) => type === "symlink" && isDirectory(state, joinPath(directory, name), type))
    .map(({ name }) => name);
  const key = JSON.stringify([state.hidden, links]);
  const before = sortedBefore.get(entries);
  if (before?.key === key) return before.entries;
  const isFirst = ({ name, type }: TreeEntry) => type === "directory" || links.includes(name);
  const result = entries
    .filter(({ name }) => state.hidden || !name.startsWith("."))
    .map((entry) => ({ entry, first: isFirst(entry) }))
    .sort((a, b) =>
      a.first === b.first
        ? order.compare(a.entry.name, b.entry.name) || compare(a.entry, b.entry)
        : a.first
          ? -1
          : 1,
    )
    .map(({ entry }) => entry);
  sortedBefore.set(entries, { key, entries: result });
  return result;
}

const compare = (a: TreeEntry, b: TreeEntry) => (a.name < b.name ? -1 : 1);

/** What a key does in a tree: where it leads, or what is unfolded or folded. */
export type TreeStep =
  | { readonly go: string }
  | { readonly open: string }
  | { readonly close: string }
  | undefined;

/** Arrows, Home, End, page keys; `page` is how many rows are in sight. */
export function treeStep(
  rows: readonly TreeRow[],
  active: string | undefined,
  key: string,
  page: number,
): TreeStep {
  const at = rows.findIndex(({ path }) => path === active);
  const row = rows[at];
  const last = rows.length - 1;
  const to = (index: number): TreeStep => {
    const found = rows[Math.max(0, Math.min(last, index))];
    return found === undefined ? undefined : { go: found.path };
  };
  if (row === undefined)
    return key === "End" ? to(last) : /^(?:Arrow|Home|Page)/.test(key) ? to(0) : undefined;
  switch (key) {
    case "ArrowDown":
      return to(at + 1);
    case "ArrowUp":
      return to(at - 1);
    case "PageDown":
      return to(at + page);
    case "PageUp":
      return to(at - page);
    case "Home":
      return to(0);
    case "End":
      return to(last);
    case "ArrowRight":
      if (row.isOpen === false) return { open: row.path };
      return row.isOpen ? to(at + 1) : undefined;
    case "ArrowLeft": {
      if (row.isOpen) return { close: row.path };
      const parent = parentOf(row.path);
      return parent === "" ? undefined : { go: parent };
    }
    default:
      return undefined;
  }
}

/** The next row behind the active one whose name begins so; one letter again and again goes on to the next. */
export function typedAhead(
  rows: readonly TreeRow[],
  active: string | undefined,
  typed: string,
): string | undefined {
  const isSame = [...typed].every((letter) => letter === typed[0]);
  const wanted = (isSame ? (typed[0] ?? "") : typed).toLowerCase();
  const at = rows.findIndex(({ path }) => path === active);
  const from = isSame ? at + 1 : Math.max(0, at);
  const turned = [...rows.slice(from), ...rows.slice(0, from)];
  return turned.find(({ name, note }) => note === undefined && name.toLowerCase().startsWith(wanted))?.path;
}
