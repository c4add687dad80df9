import { useEffect, useMemo } from "react";
import type { RunnerClient } from "../../../../src/client/index.ts";
import { useClient, useStore, useToken } from "../../state/context.ts";
import { type Buffers, buffersOf } from "./buffers.ts";
import { type Transfers, transfersOf } from "./transfers.ts";
import { TreeModel } from "./tree-model.ts";

const trees = new WeakMap<RunnerClient, Map<string, TreeModel>>();

/** That of a workspace: what was unfolded is so when its view comes again. */
function treeOf(client: RunnerClient, workspace: string): TreeModel {
  const known = trees.get(client) ?? new Map<string, TreeModel>();
  trees.set(client, known);
  const tree = known.get(workspace) ?? new TreeModel(client, workspace);
  known.set(workspace, tree);
  return tree;
}

export interface Files {
  readonly tree: TreeModel;
  readonly buffers: Buffers;
  readonly transfers: Transfers;
}

/** What the view of a workspace's files works with, kept current while it is looked at. */
export function useFiles(workspace: string): Files {
  const client = useClient();
  const store = useStore();
  const { id: token } = useToken();
  const files = useMemo(
    () => ({
      tree: treeOf(client, workspace),
      buffers: buffersOf(workspace, token),
      transfers: transfersOf(workspace),
    }),
    [client, workspace, token],
  );
  const { tree } = files;
  useEffect(() => {
    let stop = new AbortController();
    // Nobody looks at a page that is hidden: its watch leaves a connection to the others.
    const onVisible = () => {
      stop.abort();
      stop = new AbortController();
      if (!document.hidden) tree.follow(stop.signal);
    };
    onVisible();
    document.addEventListener("visibilitychange", onVisible);
    const leave = store.onEvent(({ type, workspace: of, data = {} }) => {
      if (of !== workspace) return;
      const room = type.slice(0, type.indexOf("."));
      if (room === "file") {
        for (const key of ["path", "from", "to"]) {
          const path = data[key];
          if (typeof path === "string") changed(tree, path);
        }
      } else if (room === "workspace" || (type === "process.exited" && !tree.isWatching)) tree.refresh();
    });
    return () => {
      stop.abort();
      leave();
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [tree, store, workspace]);
  return files;
}

/** A path as its caller has written it. */
function changed(tree: TreeModel, path: string): void {
  const plain = path.replace(/^(?:\.\/)+/, "");
  if (plain.startsWith("/") || plain === "." || plain.includes("..")) tree.refresh();
  else tree.changed(plain);
}
