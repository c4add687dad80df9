export interface Row {
  readonly work: string;
  readonly target: string;
  readonly seen: string;
  readonly met: boolean;
}

/** What a part of the benchmark gets. */
export interface Bench {
  readonly report: (work: string, target: string, seen: string, met: boolean) => void;
  /** Few turns, for a look while working on something. */
  readonly quick: boolean;
  readonly turns: number;
  /** Whether rows whose title has this text are wanted; all without `--only`. */
  readonly wanted: (group: string) => boolean;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const times = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)}×`;
