import { promises as fs } from "node:fs";

/** Disk that all logs of a daemon may take on one file system, if that has ten times as much free. */
const BUDGET_BYTES = 4 * 1024 ** 3;
const SHARE = 0.1;

/** What the logs of a daemon take of one file system, and may. */
export class DiskBudget {
  usedBytes = 0;
  #limitBytes: number | undefined;

  /** Measured when the first log is to be written, since that changes it. */
  async limitBytes(directory: string): Promise<number> {
    this.#limitBytes ??= await this.#measure(directory);
    return this.#limitBytes;
  }

  async #measure(directory: string): Promise<number> {
    try {
      const { bavail, bsize } = await fs.statfs(directory);
      return Math.min(BUDGET_BYTES, Math.floor(bavail * bsize * SHARE) + this.usedBytes);
    } catch {
      return BUDGET_BYTES;
    }
  }
}

/** The budgets of the file systems that logs are kept on. */
export class DiskBudgets {
  readonly #budgets = new Map<number, DiskBudget>();

  get usedBytes(): number {
    let sum = 0;
    for (const budget of this.#budgets.values()) sum += budget.usedBytes;
    return sum;
  }

  /** That of the file system which the directory is on; of one that can't be looked at, a budget of its own. */
  async of(directory: string): Promise<DiskBudget> {
    const device = await fs.stat(directory).then(
      (found) => found.dev,
      () => -1,
    );
    let budget = this.#budgets.get(device);
    if (budget === undefined) {
      budget = new DiskBudget();
      this.#budgets.set(device, budget);
    }
    return budget;
  }
}
