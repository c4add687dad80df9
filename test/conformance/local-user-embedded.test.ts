import { conformance } from "./conformance.ts";

conformance("local-user-embedded");
