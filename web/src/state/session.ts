import { createRunnerClient, isBerthError, type RunnerClient } from "../../../src/client/index.ts";
import { Variable } from "./observable.ts";

/** Where the session's key is kept: unlike the cookie it belongs to this address with its port. */
const KEY = "berth.session";

export type SignedIn =
  | { readonly state: "unknown" }
  | { readonly state: "out"; readonly reason?: string | undefined }
  | { readonly state: "in"; readonly client: RunnerClient; readonly token: CurrentToken };

export interface CurrentToken {
  readonly id: string;
  readonly name: string;
  readonly scope: "read" | "operate" | "admin";
  readonly workspaces: readonly string[] | null;
}

export const session = new Variable<SignedIn>({ state: "unknown" });

/** Takes up the session that there is, or the code in the address (`/sign-in#code=…`), which is removed from it. */
export async function resume(): Promise<void> {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code !== null) {
    history.replaceState(null, "", "/");
    window.dispatchEvent(new PopStateEvent("popstate"));
    await signIn({ code });
    return;
  }
  const key = localStorage.getItem(KEY);
  if (key === null) {
    session.set({ state: "out" });
    return;
  }
  await enter(key);
}

/** For calls that the client has no way for, such as uploads that tell how far they are. */
export function sessionHeaders(): Readonly<Record<string, string>> {
  const key = localStorage.getItem(KEY);
  return key === null ? {} : { "berth-session": key };
}

/** @throws what the runner says to the code or token */
export async function signIn(proof: { readonly code: string } | { readonly token: string }): Promise<void> {
  const client = createRunnerClient({ url: location.origin });
  try {
    const { key } = await client.post("/v1/sessions", { body: proof });
    localStorage.setItem(KEY, key);
    await enter(key);
  } catch (error) {
    signedOut(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

export async function signOut(): Promise<void> {
  const now = session.get();
  if (now.state === "in") await now.client.delete("/v1/sessions/current");
  signedOut();
}

/** The session is worth nothing any more: the page goes to where one signs in. */
export function signedOut(reason?: string): void {
  localStorage.removeItem(KEY);
  session.set({ state: "out", reason });
}

async function enter(key: string): Promise<void> {
  const client = createRunnerClient({ url: location.origin, session: key });
  for (;;) {
    try {
      const { token } = await client.get("/v1/sessions/current");
      session.set({ state: "in", client, token });
      return;
    } catch (error) {
      if (isBerthError(error, "auth.invalid") || isBerthError(error, "auth.missing")) {
        signedOut("The session has ended. Sign in again.");
        return;
      }
      // A runner that is being restarted.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
