import { conformance } from "./conformance.ts";

conformance("busybox");
