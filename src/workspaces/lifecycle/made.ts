import type { StoredRuntimeConfig, WorkspacePlace } from "../../contract/workspace.ts";
import type { JournalEntry, JournalItem } from "../registry/registry.ts";

/** Where something was made, so that it is found again when the workspace's record is gone. */
export interface MadeIn {
  /** The workspace whose place it is. Default: the one whose journal it is in. */
  readonly id?: string | undefined;
  readonly projectId: string;
  readonly name: string;
  readonly runtime: StoredRuntimeConfig;
  readonly place: WorkspacePlace | undefined;
}

/**
 * What Berth makes for a workspace, as its journal holds it: a container with its volume; a project's base repository;
 * a checkout with its branch, which was at `commit` then; a ref that keeps something for as long as it is made.
 */
export type MadeItem = JournalItem &
  (
    | { readonly kind: "container"; readonly in: MadeIn }
    | { readonly kind: "base"; readonly in: MadeIn }
    | {
        readonly kind: "worktree";
        readonly in: MadeIn;
        readonly branch: string;
        readonly commit: string | null;
        /** The branch is removed with it, if it is Berth's and still at `commit`. */
        readonly ownsBranch: boolean;
      }
    | {
        readonly kind: "ref";
        /** Of a repository on this machine, unless it is said where. */
        readonly gitDir: string;
        readonly ref: string;
        readonly in?: MadeIn | undefined;
      }
  );

/** The same for things in the same place. */
export function placeKey({ id, runtime }: MadeIn): string {
  return JSON.stringify([id ?? null, runtime]);
}

/** The item of an entry, or undefined when a later version has written it. */
export function madeItem(entry: JournalEntry): MadeItem | undefined {
  const { item } = entry;
  if (item.kind === "ref") return typeof item.ref === "string" ? (item as MadeItem) : undefined;
  const known = item.kind === "container" || item.kind === "base" || item.kind === "worktree";
  return known && typeof item.in === "object" && item.in !== null ? (item as MadeItem) : undefined;
}

/** For people. */
export function describe(item: MadeItem): string {
  switch (item.kind) {
    case "ref":
      return `${item.ref} in ${item.gitDir}`;
    case "container":
      return `the container of ${item.in.name}`;
    case "base":
      return `the base repository of ${item.in.name}`;
    case "worktree":
      return `the checkout ${item.in.place?.path ?? item.in.name}`;
  }
}
