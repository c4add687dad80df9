import { conformance } from "./conformance.ts";

conformance("nonroot-without-daemon");
