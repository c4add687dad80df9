import { useCallback, useEffect, useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { useClient } from "../../state/context.ts";
import { useObservable, Variable } from "../../state/observable.ts";
import type { Verified } from "./verification.ts";

export type EventHead = components["schemas"]["EventHead"];

export interface VerificationState {
  /** The newest record with its hash, when it was asked for. */
  readonly head: EventHead | undefined;
  readonly verified: Verified | undefined;
  readonly isVerifying: boolean;
  readonly error: unknown;
  readonly verify: () => void;
}

/** Of this visit: what was found before says nothing of what was done to the log since. */
const newest = new Variable<Verified | undefined>(undefined);

export function useVerification(): VerificationState {
  const client = useClient();
  const verified = useObservable(newest);
  const [head, setHead] = useState<EventHead>();
  const [isVerifying, setVerifying] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    client
      .get("/v1/events/head", { signal: stop.signal })
      .then(setHead)
      .catch((reason: unknown) => {
        if (!stop.signal.aborted) setError(reason);
      });
    return () => stop.abort();
  }, [client]);
  const verify = useCallback(async () => {
    setVerifying(true);
    setError(undefined);
    try {
      const found = await client.post("/v1/events/verify");
      newest.set({ at: new Date(), found });
      setHead(await client.get("/v1/events/head"));
    } catch (reason) {
      setError(reason);
    }
    setVerifying(false);
  }, [client]);
  return { head, verified, isVerifying, error, verify: () => void verify() };
}
