import { conformance } from "./conformance.ts";

conformance("readonly-without-daemon");
