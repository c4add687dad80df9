import { conformance } from "./conformance.ts";

conformance("readonly");
