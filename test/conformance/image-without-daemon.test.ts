import { conformance } from "./conformance.ts";

conformance("image-without-daemon");
