import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Bytes that come within it are one turn. What the place itself takes is longer, and counts for nothing. */
const QUIET_MS = 60;

/** A network that passes bytes on in turns, and counts them: a turn of the client's is a round trip. */
export interface Turns extends AsyncDisposable {
  readonly port: number;
  /** Turns in which the client has sent something. */
  count(): number;
}

/** Collects what comes from either end until both are quiet, and passes it on at once. */
export async function countTurns(toPort: number): Promise<Turns> {
  let turns = 0;
  let timer: NodeJS.Timeout | undefined;
  const held: { up: boolean; to: Socket; bytes: Buffer }[] = [];
  const sockets = new Set<Socket>();
  const pass = (): void => {
    if (held.some(({ up }) => up)) turns++;
    for (const { to, bytes } of held.splice(0)) if (!to.destroyed) to.write(bytes);
  };
  const server = createServer({ noDelay: true }, (client) => {
    const origin = connect({ port: toPort, host: "127.0.0.1", noDelay: true });
    for (const [from, to, up] of [
      [client, origin, true],
      [origin, client, false],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes: Buffer) => {
        held.push({ up, to, bytes });
        clearTimeout(timer);
        timer = setTimeout(pass, QUIET_MS);
      });
      from.on("error", () => {});
      from.once("close", () => {
        sockets.delete(from);
        to.destroySoon();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("no port");
  return {
    port: address.port,
    count: () => turns,
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
