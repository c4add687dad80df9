/** Room that is left for the lines of a result. */
export interface Room {
  readonly lines: number;
  readonly bytes: number;
}

/** How many of the lines there is room for; one always, so that who goes on gets on. */
export function fitting(lines: readonly string[], room: Room): number {
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    bytes += Buffer.byteLength(line) + 1;
    if (index > 0 && (index >= room.lines || bytes > room.bytes)) return index;
  }
  return lines.length;
}

/** Parts of `total` for so many needs: who needs less than an equal part leaves the rest to the others. */
export function fairShares(needs: readonly number[], total: number): number[] {
  const shares = needs.map(() => 0);
  const order = needs.map((_, index) => index).sort((a, b) => needs[a]! - needs[b]!);
  let left = total;
  for (const [place, index] of order.entries()) {
    const share = Math.min(needs[index]!, Math.floor(left / (needs.length - place)));
    shares[index] = share;
    left -= share;
  }
  return shares;
}
