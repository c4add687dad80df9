import { after } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { type PostgresServer, postgres } from "../fixtures/postgres.ts";
import { type Database, registrySuite } from "./registry-suite.ts";
import { sessionsSuite } from "./sessions-suite.ts";

let server: Promise<PostgresServer> | undefined;
after(async () => (await server?.catch(() => undefined))?.[Symbol.asyncDispose]());

const database: Database = async (t) => {
  server ??= postgres();
  const made = server;
  const running = await requireOrSkip(t, () => made);
  return running && { database: await running.database() };
};
registrySuite("PostgreSQL", database);
sessionsSuite("PostgreSQL", database);
