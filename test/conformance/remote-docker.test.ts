import { conformance } from "./conformance.ts";

conformance("remote-docker");
