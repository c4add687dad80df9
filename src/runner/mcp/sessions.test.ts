import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { Conversation } from "../../mcp/conversation.ts";
import type { Caller } from "../context.ts";
import { type SessionEnds, Sessions } from "./sessions.ts";

const caller = (tokenId: string): Caller => ({
  tokenId,
  name: tokenId,
  scope: "operate",
  workspaces: undefined,
  address: "127.0.0.1",
  requestId: "req_1",
});

/** A client whose place is never opened. */
function ends(): SessionEnds {
  const conversation = new Conversation({
    where: "nowhere",
    open: async () => {
      throw berthError("runtime.closed");
    },
    tools: {},
  });
  return { conversation, close: async () => undefined };
}

test("a token has so many sessions: the one that was not used for the longest time makes room, never one in use", async () => {
  await using sessions = new Sessions({
    idleMs: 60_000,
    hold: () => ({ [Symbol.dispose]() {} }),
    onCount: () => undefined,
  });
  const open = (id: string, token = "tok_a") => sessions.open(id, "ws_1", caller(token), ends());
  const made = Array.from({ length: 50 }, (_, index) => open(`s${index}`));
  open("other", "tok_b");
  const using = sessions.use(made[0] ?? open("none"));
  open("s50");
  assert.deepEqual([sessions.has("s0"), sessions.has("s1"), sessions.has("other")], [true, false, true]);
  assert.equal(made[1]?.ends.conversation.closed, true);
  const all = [...made.slice(2), sessions.find("s50", "ws_1", caller("tok_a"))].map((one) =>
    sessions.use(one),
  );
  assert.throws(() => open("s51"), { code: "request.rate_limited" });
  for (const use of [using, ...all]) use[Symbol.dispose]();
  open("s51");
  assert.throws(() => sessions.find("s51", "ws_2", caller("tok_a")), { code: "mcp.session_unknown" });
  assert.throws(() => sessions.find("s51", "ws_1", caller("tok_b")), { code: "mcp.session_unknown" });
});
