import { useEffect, useState } from "react";
import { useClient, useMayReachOut } from "../../state/context.ts";
import type { Suggestions } from "./runtime-form.tsx";

/** Nobody has typed for so long. */
const SETTLE_MS = 300;

/** Hosts, containers and images that a form may offer, and the names of the project's berth.yaml. */
export function useSuggestions(project: string | undefined): Suggestions | undefined {
  const client = useClient();
  const mayAsk = useMayReachOut();
  const [found, setFound] = useState<Suggestions>();
  useEffect(() => {
    if (!mayAsk) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const query = project === undefined ? {} : { project };
      client
        .get("/v1/runtimes/suggestions", { params: { query }, signal: stop.signal })
        .then(setFound, () => {
          // Offered where it can be; what is typed counts all the same.
          if (!stop.signal.aborted) setFound(undefined);
        });
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [client, project, mayAsk]);
  return found;
}
