import { join } from "node:path";
import { berthError } from "../contract/errors.ts";

/**
 * Whether a database is a PostgreSQL server; else it is a file.
 * @throws config.invalid: a URL of something else, which would be taken for the name of a file
 */
export function isPostgres(location: string): boolean {
  if (/^postgres(ql)?:/i.test(location)) return true;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1];
  if (scheme === undefined) return false;
  throw berthError("config.invalid", {
    message: `${scheme}: is no database that Berth works with`,
    hint: "It is postgres://USER@HOST/DATABASE, or by default a file in the state directory.",
  });
}

/** The database of a state directory, where no other one is named. */
export function databasePath(stateDirectory: string): string {
  return join(stateDirectory, "berth.db");
}
