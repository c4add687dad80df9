import { registrySuite } from "./registry-suite.ts";
import { sessionsSuite } from "./sessions-suite.ts";

registrySuite("SQLite", async () => ({}));
sessionsSuite("SQLite", async () => ({}));
