import { useCallback, useEffect, useRef, useState } from "react";
import { isBerthError } from "../../../../src/client/index.ts";
import { useClient } from "../../state/context.ts";
import { say } from "../../ui/toasts.tsx";
import { type Content, readContent } from "./content.ts";
import { touches } from "./tree-model.ts";
import type { Files } from "./use-files.ts";

/** Changes of a file come in bursts. */
const GATHER_MS = 150;

type State =
  | { readonly state: "loading" }
  | { readonly state: "there"; readonly content: Content }
  | { readonly state: "failed"; readonly error: unknown };

/** What is at a path, read again whenever it may be another; texts are handed to the buffers. */
export function useContent(
  workspace: string,
  path: string,
  asText: boolean,
  { tree, buffers }: Files,
): State & { readonly reload: () => void } {
  const client = useClient();
  const [found, setFound] = useState<{ readonly key: string; readonly state: State }>();
  const again = useRef<() => void>(() => undefined);
  const key = `${path}\0${asText}`;
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isReading = false;
    let isFirst = buffers.get(path) === undefined;
    const read = async () => {
      timer = undefined;
      if (isReading) {
        soon();
        return;
      }
      isReading = true;
      const { writes } = buffers;
      try {
        const content = await readContent({ client, workspace, path, signal }, { asText });
        if (buffers.writes !== writes) {
          soon();
          return;
        }
        if (content.kind !== "text") buffers.wasGone(path);
        else if (buffers.wasRead(path, content.file, content.etag) === "taken" && !isFirst) {
          say(`${path} was changed in the place: it is shown as it is now.`);
        }
        setFound({ key, state: { state: "there", content } });
      } catch (error) {
        if (signal.aborted) return;
        if (isBerthError(error, "ENOENT") || isBerthError(error, "ENOTDIR")) buffers.wasGone(path);
        setFound({ key, state: { state: "failed", error } });
      } finally {
        isReading = false;
        isFirst = false;
      }
    };
    const soon = () => {
      timer ??= setTimeout(() => void read(), GATHER_MS);
    };
    again.current = soon;
    void read();
    tree.onChange = (changed) => {
      if (touches(changed, path)) soon();
    };
    return () => {
      tree.onChange = undefined;
      stop.abort();
      clearTimeout(timer);
    };
  }, [client, workspace, path, asText, tree, buffers, key]);
  const reload = useCallback(() => again.current(), []);
  const state: State = found?.key === key ? found.state : { state: "loading" };
  return { ...state, reload };
}
