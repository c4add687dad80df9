import { registrySuite } from "./registry-suite.ts";

registrySuite("SQLite", async () => ({}));
