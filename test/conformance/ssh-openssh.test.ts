import { conformance } from "./conformance.ts";

conformance("ssh-openssh");
