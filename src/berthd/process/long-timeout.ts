/** Longest delay of one timer of Node, about 24.8 days; a longer one would be over at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * As setTimeout, for any length. Returns what cancels it. It runs on the monotonic clock, which stands still during
 * suspend. With `keepAlive: false` it does not keep the process alive.
 */
export function longTimeout(
  callback: () => void,
  delayMs: number,
  options: { readonly keepAlive?: boolean } = {},
): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    timer = setTimeout(
      () => (leftMs > MAX_TIMER_MS ? arm(leftMs - MAX_TIMER_MS) : callback()),
      Math.min(leftMs, MAX_TIMER_MS),
    );
    if (options.keepAlive === false) timer.unref();
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}
