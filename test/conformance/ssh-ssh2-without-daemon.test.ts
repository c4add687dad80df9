import { conformance } from "./conformance.ts";

conformance("ssh-ssh2-without-daemon");
