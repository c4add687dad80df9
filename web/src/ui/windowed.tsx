import { memo, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

/** So far beyond what is seen items are drawn, too. */
const MARGIN = "800px 0px";

interface WindowedProps<Item> {
  readonly items: readonly Item[];
  /** Items of the same number stand together, and are drawn together: about a hundred. Neighbours only. */
  readonly blockOf: (item: Item) => number;
  /** The same function, unless all is to be drawn anew. */
  readonly render: (item: Item) => ReactNode;
  /** What scrolls. */
  readonly root: RefObject<HTMLElement | null>;
  /** Height of an item in pixels, until its block was drawn once. */
  readonly estimate: number;
  /** Number of a block that is drawn wherever it is. */
  readonly forced?: number | undefined;
}

/** A long list of which only that is drawn that is seen, in blocks: heights may differ, and the order of focus stays. */
export function Windowed<Item>({ items, blockOf, render, root, estimate, forced }: WindowedProps<Item>) {
  const blocks: { readonly number: number; readonly items: Item[] }[] = [];
  for (const item of items) {
    const number = blockOf(item);
    const last = blocks.at(-1);
    if (last?.number === number) last.items.push(item);
    else blocks.push({ number, items: [item] });
  }
  return blocks.map(({ number, items }, index) => (
    <Block
      key={number}
      items={items}
      render={render as (item: unknown) => ReactNode}
      root={root}
      estimate={estimate}
      isForced={number === forced}
      isEdge={index === 0 || index === blocks.length - 1}
    />
  ));
}

interface BlockProps {
  readonly items: readonly unknown[];
  readonly render: (item: unknown) => ReactNode;
  readonly root: RefObject<HTMLElement | null>;
  readonly estimate: number;
  readonly isForced: boolean;
  /** The first and the last one: where what is new comes, there is no moment without it. */
  readonly isEdge: boolean;
}

const Block = memo(function Block({ items, render, root, estimate, isForced, isEdge }: BlockProps) {
  const element = useRef<HTMLDivElement>(null);
  const height = useRef<{ readonly pixels: number; readonly items: number }>(undefined);
  const [isNear, setNear] = useState(isEdge);
  const isDrawn = isNear || isForced;
  useEffect(() => {
    if (element.current === null) return;
    const observer = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? false), {
      root: root.current,
      rootMargin: MARGIN,
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [root]);
  useLayoutEffect(() => {
    if (isDrawn && element.current !== null)
      height.current = { pixels: element.current.offsetHeight, items: items.length };
  });
  if (isDrawn) return <div ref={element}>{items.map(render)}</div>;
  const known = height.current;
  const each = known === undefined ? estimate : known.pixels / known.items;
  return <div ref={element} style={{ height: each * items.length }} />;
}, isSameBlock);

function isSameBlock(before: BlockProps, after: BlockProps): boolean {
  return (
    before.render === after.render &&
    before.root === after.root &&
    before.estimate === after.estimate &&
    before.isForced === after.isForced &&
    before.items.length === after.items.length &&
    before.items.every((item, at) => item === after.items[at])
  );
}
