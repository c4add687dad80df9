import { conformance } from "./conformance.ts";

conformance("local-root-embedded");
