import { useCallback, useEffect, useState } from "react";
import { useClient, useLink, useStore } from "../../state/context.ts";
import type { Process } from "../../state/store.ts";

/** Events come in bursts. */
const GATHER_MS = 150;
const PAGE_ITEMS = 500;
const MOST_PAGES = 4;

interface Terminals {
  /** Running ones first, each part with the newest first; undefined until they are known. */
  readonly terminals: readonly Process[] | undefined;
  readonly error: unknown;
  readonly refresh: () => void;
}

/** Terminals of the workspace, whoever started them. */
export function useTerminals(workspace: string): Terminals {
  const client = useClient();
  const store = useStore();
  const isLive = useLink().state === "live";
  const [asked, setAsked] = useState(0);
  const [terminals, setTerminals] = useState<readonly Process[]>();
  const [error, setError] = useState<unknown>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for again when told to, and when the runner is back
  useEffect(() => {
    const stop = new AbortController();
    void (async () => {
      try {
        const found: Process[] = [];
        for (let cursor: string | undefined, page = 0; page < MOST_PAGES; page += 1) {
          const query = { limit: PAGE_ITEMS, ...(cursor === undefined ? {} : { cursor }) };
          const params = { path: { workspace }, query };
          const answer = await client.get("/v1/workspaces/{workspace}/processes", {
            params,
            signal: stop.signal,
          });
          found.push(...answer.items.filter(({ tty }) => tty !== null));
          if (answer.next === null) break;
          cursor = answer.next;
        }
        setTerminals(found.sort(byUse));
        setError(undefined);
      } catch (cause) {
        if (!stop.signal.aborted) setError(cause);
      }
    })();
    return () => stop.abort();
  }, [client, workspace, asked, isLive]);
  const refresh = useCallback(() => setAsked((before) => before + 1), []);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const forget = store.onEvent((event) => {
      if (event.workspace !== workspace || !event.type.startsWith("process.")) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        refresh();
      }, GATHER_MS);
    });
    return () => {
      forget();
      clearTimeout(timer);
    };
  }, [store, workspace, refresh]);
  return { terminals, error, refresh };
}

function byUse(one: Process, other: Process): number {
  const running = Number(other.state === "running") - Number(one.state === "running");
  return running || Date.parse(other.started_at) - Date.parse(one.started_at) || (one.id < other.id ? -1 : 1);
}
