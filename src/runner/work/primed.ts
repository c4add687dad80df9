/**
 * A stream whose first piece has come: what fails before is thrown here, where it still is an answer of its own.
 * `onEnd` is called once, when it was read to its end, has failed, or is not wanted any more.
 */
export async function primed<Piece>(
  source: AsyncIterable<Piece>,
  onEnd: () => void = () => {},
): Promise<AsyncIterable<Piece>> {
  const iterator = source[Symbol.asyncIterator]();
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    onEnd();
  };
  const next = async (): Promise<IteratorResult<Piece>> => {
    try {
      const piece = await iterator.next();
      if (piece.done === true) end();
      return piece;
    } catch (error) {
      end();
      throw error;
    }
  };
  let first: IteratorResult<Piece> | undefined = await next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const piece = first ?? (await next());
        first = undefined;
        return piece;
      },
      return: async () => {
        try {
          await iterator.return?.();
        } finally {
          end();
        }
        return { done: true, value: undefined };
      },
    }),
  };
}
