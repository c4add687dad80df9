import { EVENTS_PROTOCOL } from "../api/event-socket-format.ts";
import { berthError } from "../contract/errors.ts";
import type { Connection } from "./connection.ts";
import type { ClientSocket } from "./socket.ts";

/** The runner has said all there is. */
const WHOLE = 1000;

/**
 * Text of a stream of server-sent events by WebSocket. undefined: none was opened, and why no page is told; a call by
 * HTTP finds out, or is served where a proxy lets no WebSocket through.
 * @throws the signal's reason
 */
export async function openEventSocket(
  connection: Pick<Connection, "openSocket">,
  target: URL,
  after: string | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<string> | undefined> {
  const url = new URL(target);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  // A page sets no header of a WebSocket.
  if (after !== undefined) url.searchParams.set("after", after);
  const texts: string[] = [];
  let end: { readonly code: number } | undefined;
  let wake: (() => void) | undefined;
  const { promise: settled, resolve: settle } = Promise.withResolvers<boolean>();
  const socket: ClientSocket = await connection.openSocket(
    { url, protocol: EVENTS_PROTOCOL },
    {
      onOpen: () => settle(true),
      onBytes: () => undefined,
      onText: (text) => {
        texts.push(text);
        wake?.();
      },
      onClose: (given) => {
        end = given;
        settle(false);
        wake?.();
      },
    },
  );
  const leave = () => {
    socket.close();
    settle(false);
    wake?.();
  };
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  const isOpen = await settled;
  signal.throwIfAborted();
  if (!isOpen) return undefined;
  return (async function* () {
    try {
      for (;;) {
        yield* texts.splice(0);
        signal.throwIfAborted();
        if (texts.length > 0) continue;
        if (end?.code === WHOLE) return;
        if (end !== undefined) {
          const context = { url: target.origin, reason: "the connection was lost" };
          throw berthError("runner.unreachable", { context });
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", leave);
      socket.close();
    }
  })();
}
