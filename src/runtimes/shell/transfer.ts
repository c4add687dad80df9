import type { FileSystem, TransferOptions, TransferProgress } from "../../contract/files.ts";
import type { FileRuns } from "./file-runs.ts";
export async function upload(
  _f: FileSystem,
  _r: FileRuns,
  _l: string,
  _p: string,
  _o: TransferOptions,
): Promise<TransferProgress> {
  throw new Error("later");
}
export async function download(
  _f: FileSystem,
  _r: FileRuns,
  _p: string,
  _l: string,
  _o: TransferOptions,
): Promise<TransferProgress> {
  throw new Error("later");
}
