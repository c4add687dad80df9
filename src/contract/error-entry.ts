/** One row of the registry. `status` is the HTTP status that the runner answers with. */
export interface ErrorEntry {
  readonly message: string;
  readonly hint: string;
  readonly status: number;
  readonly retryable: boolean;
}

export const entry = (status: number, message: string, hint: string, retryable = false): ErrorEntry => ({
  message,
  hint,
  status,
  retryable,
});
