import { after } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { type PostgresServer, postgres } from "../fixtures/postgres.ts";
import { registrySuite } from "./registry-suite.ts";

let server: Promise<PostgresServer> | undefined;
after(async () => (await server?.catch(() => undefined))?.[Symbol.asyncDispose]());

registrySuite("PostgreSQL", async (t) => {
  server ??= postgres();
  const made = server;
  const running = await requireOrSkip(t, () => made);
  return running && { database: await running.database() };
});
