import assert from "node:assert/strict";
import { type Received, type Sent, send } from "./access-desk.ts";

/** A browser that is signed in, as far as the runner can tell. */
export interface SignedIn {
  readonly id: string;
  readonly key: string;
  /** "berth_7333=…" */
  readonly cookie: string;
  /** Set-Cookie as it came. */
  readonly setCookie: string;
  /** Of a call by it. */
  readonly headers: { readonly cookie: string; readonly "berth-session": string };
}

/** The answer to a sign-in, which has succeeded. */
export function signedIn({ status, json, headers, text }: Received): SignedIn {
  assert.equal(status, 201, text);
  const { session, key } = json as unknown as { session: { id: string }; key: string };
  const [setCookie = ""] = headers["set-cookie"] ?? [];
  const cookie = setCookie.split(";")[0] ?? "";
  return { id: session.id, key, cookie, setCookie, headers: { cookie, "berth-session": key } };
}

/** Signs in with a token by a code, as `berth open` does. */
export async function signInByCode(port: number, token: string, sent: Partial<Sent> = {}): Promise<SignedIn> {
  const code = await codeOf(port, { token });
  const host = `127.0.0.1:${port}`;
  return signedIn(await send(port, "/v1/sessions", { method: "POST", host, body: { code }, ...sent }));
}

/** A code for who is named by a token or by headers. */
export async function codeOf(port: number, sent: Partial<Sent>): Promise<string> {
  const host = `127.0.0.1:${port}`;
  const { status, json, text } = await send(port, "/v1/sessions/codes", { method: "POST", host, ...sent });
  assert.equal(status, 201, text);
  return String(json.code);
}
