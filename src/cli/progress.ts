import type { Ora } from "ora";
import { formatDuration } from "../contract/duration.ts";
import type { TransferProgress } from "../contract/files.ts";
import type { ProvisionProgress } from "../contract/runtime.ts";
import type { WorkspaceProgress } from "../contract/workspace.ts";
import { formatBytes, visible } from "./print.ts";

/** What takes less says nothing. */
const DELAY_MS = 1000;
/** Without a terminal a line a phase is enough. */
const PLAIN_INTERVAL_MS = 5000;

/**
 * Progress on stderr of everything that takes over a second: a line that moves on a terminal, else a line now and
 * then. `stop` before anything else is printed.
 */
export class Progress implements Disposable {
  readonly #enabled: boolean;
  readonly #startedMs = performance.now();
  #spinner: Ora | undefined;
  #text = "";
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #lastPlainMs = 0;
  #lastPlainText = "";
  #transfer: { readonly name: string; readonly startedMs: number; readonly bytes: number } | undefined;
  #hidden = false;

  constructor(options: { readonly quiet: boolean }) {
    this.#enabled = !options.quiet;
  }

  provision(progress: ProvisionProgress): void {
    if (progress.phase === "ready") this.stop();
    else this.#step(progress, progress.phase === "upload" ? progress.phase : undefined);
  }

  workspace(progress: WorkspaceProgress): void {
    if (progress.step === "ready") {
      this.stop();
      return;
    }
    this.#step(progress, progress.step);
    if (this.#hidden) this.show();
  }

  /** @param transfer what is transferred, if anything is: its rate is shown */
  #step(
    progress: Pick<ProvisionProgress, "message" | "bytesDone" | "bytesTotal">,
    transfer: string | undefined,
  ): void {
    const { message, bytesDone, bytesTotal } = progress;
    const share =
      bytesDone === undefined || bytesTotal === undefined || bytesTotal === 0
        ? ""
        : ` ${percent(bytesDone, bytesTotal)}`;
    const amount =
      bytesDone === undefined
        ? ""
        : ` (${formatBytes(bytesDone)}${bytesTotal === undefined ? "" : ` of ${formatBytes(bytesTotal)}`})`;
    this.update(`${visible(message)}${share}${amount}${this.#rate(transfer, bytesDone)}`);
  }

  /** A host is waited with after failures. */
  waiting(milliseconds: number, lastError: string | undefined, attempts = 0): void {
    const why = lastError === undefined ? "to try again" : visible(lastError);
    const often = attempts === 0 ? "" : ` (attempts in the last minute: ${attempts})`;
    this.update(`waiting ${formatDuration(milliseconds)}: ${why}${often}`);
  }

  /** ", 1.2 MiB/s" of a transfer, counted from its first report. */
  #rate(transfer: string | undefined, bytesDone: number | undefined): string {
    if (transfer === undefined || bytesDone === undefined) {
      this.#transfer = undefined;
      return "";
    }
    const nowMs = performance.now();
    if (this.#transfer?.name !== transfer) {
      this.#transfer = { name: transfer, startedMs: nowMs, bytes: bytesDone };
    }
    const { startedMs, bytes } = this.#transfer;
    const seconds = (nowMs - startedMs) / 1000;
    return seconds > 0.5 ? `, ${formatBytes((bytesDone - bytes) / seconds)}/s` : "";
  }

  /** Makes room for something else on the terminal, until `show`. */
  hide(): void {
    this.#hidden = true;
    this.#spinner?.stop();
    this.#spinner = undefined;
  }

  show(): void {
    this.#hidden = false;
    if (this.#text !== "") this.update(this.#text);
  }

  transfer(verb: string, progress: TransferProgress): void {
    const total =
      progress.totalBytes === undefined
        ? ""
        : ` of ${formatBytes(progress.totalBytes)}, ${percent(progress.bytes, progress.totalBytes)}`;
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const rate = seconds > 0.5 ? `, ${formatBytes(progress.bytes / seconds)}/s` : "";
    this.update(`${verb} ${formatBytes(progress.bytes)}${total}${rate}, ${progress.files} files`);
  }

  update(text: string): void {
    if (!this.#enabled || this.#stopped) return;
    this.#text = text;
    if (this.#hidden) return;
    if (this.#spinner !== undefined) this.#spinner.text = text;
    else if (performance.now() - this.#startedMs >= DELAY_MS) this.#show();
    else this.#timer ??= setTimeout(() => this.#show(), DELAY_MS - (performance.now() - this.#startedMs));
  }

  async #spin(): Promise<void> {
    // Loaded only by what takes its time: most commands end before.
    const { default: ora } = await import("ora");
    if (this.#stopped || this.#hidden) return;
    this.#spinner ??= ora({ text: this.#text, stream: process.stderr, discardStdin: false }).start();
  }

  #show(): void {
    if (this.#hidden) return;
    if (process.stderr.isTTY) {
      void this.#spin();
      return;
    }
    const phase = this.#text.replace(/[\d.,]+/g, "");
    const now = performance.now();
    if (phase === this.#lastPlainText && now - this.#lastPlainMs < PLAIN_INTERVAL_MS) return;
    this.#lastPlainText = phase;
    this.#lastPlainMs = now;
    process.stderr.write(`berth: ${this.#text}\n`);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#spinner?.stop();
    this.#spinner = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

function percent(done: number, total: number): string {
  return `${Math.min(100, Math.floor((done / total) * 100))} %`;
}
