/**
 * What the browser keeps for this address. Nothing, where it was told to keep nothing or has no room: the page works
 * all the same, and forgets.
 */
export function kept(key: string, storage: () => Storage = () => localStorage): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

/** null takes it away. */
export function keep(key: string, text: string | null, storage: () => Storage = () => localStorage): void {
  try {
    if (text === null) storage().removeItem(key);
    else storage().setItem(key, text);
  } catch {
    // See above.
  }
}
