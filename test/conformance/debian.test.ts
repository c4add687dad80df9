import { conformance } from "./conformance.ts";

conformance("debian");
