/** Writes the JSON Schema of berth.yaml, for the completion of editors. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { berthFileSchemaText, SCHEMA_PATH } from "./schema/berth-file.ts";

const path = join(import.meta.dirname, "..", SCHEMA_PATH);
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, berthFileSchemaText());
