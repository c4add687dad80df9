/** Where the runner listens unless it is told otherwise: on this machine alone (and at RUNNER_PORT). */
export const DEFAULT_HOST = "127.0.0.1";
