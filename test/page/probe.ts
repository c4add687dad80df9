import type { Page } from "playwright-core";

/** What a person would have noticed of how the page was drawn, while something went on. */
export interface Frames {
  /** Callbacks of frames that there were. */
  readonly count: number;
  /** The longest time between two of them. */
  readonly longestMs: number;
  /** 19 of 20 gaps were shorter. */
  readonly p95Ms: number;
  /** Long animation frames and long tasks as the browser itself tells them: what, and how long. */
  readonly long: readonly { readonly what: string; readonly durationMs: number }[];
}

export interface FrameProbe {
  stop(): Promise<Frames>;
}

interface Entry {
  readonly entryType: string;
  readonly duration: number;
}

interface Probe {
  readonly gaps: number[];
  readonly long: { what: string; durationMs: number }[];
  end(): void;
}

declare const requestAnimationFrame: (callback: (time: number) => void) => number;
declare const cancelAnimationFrame: (id: number) => void;
declare const PerformanceObserver: new (
  told: (list: { getEntries(): readonly Entry[] }) => void,
) => { observe(what: { type: string }): void; disconnect(): void };

/** Watches every frame of the page from now on. */
export async function watchFrames(page: Page): Promise<FrameProbe> {
  await page.evaluate(() => {
    const gaps: number[] = [];
    const long: { what: string; durationMs: number }[] = [];
    let last: number | undefined;
    const next = (time: number) => {
      if (last !== undefined) gaps.push(time - last);
      last = time;
      id = requestAnimationFrame(next);
    };
    let id = requestAnimationFrame(next);
    const observer = new PerformanceObserver((list) => {
      for (const { entryType, duration } of list.getEntries()) {
        long.push({ what: entryType, durationMs: duration });
      }
    });
    for (const type of ["long-animation-frame", "longtask"]) observer.observe({ type });
    const probe: Probe = {
      gaps,
      long,
      end() {
        cancelAnimationFrame(id);
        observer.disconnect();
      },
    };
    (globalThis as unknown as { berthProbe: Probe }).berthProbe = probe;
  });
  return {
    async stop() {
      const { gaps, long } = await page.evaluate(() => {
        const probe = (globalThis as unknown as { berthProbe: Probe }).berthProbe;
        probe.end();
        return { gaps: probe.gaps, long: probe.long };
      });
      const sorted = gaps.toSorted((a, b) => a - b);
      return {
        count: sorted.length,
        longestMs: sorted.at(-1) ?? 0,
        p95Ms: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
        long,
      };
    },
  };
}
