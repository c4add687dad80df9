/** What a thread runs where the daemon is not one script: from its sources. */
import { runSearchWorker } from "./worker-main.ts";

runSearchWorker();
