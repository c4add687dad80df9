import { conformance } from "./conformance.ts";

conformance("remote-ssh");
