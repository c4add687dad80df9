import { berthError } from "../../contract/errors.ts";
import type { TransferOptions, TransferProgress } from "../../contract/files.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { Link } from "./link.ts";

export async function upload(
  link: Link,
  _local: string,
  _params: ParamsInput<"fs.upload">,
  _options: TransferOptions,
): Promise<TransferProgress> {
  throw berthError("runtime.capability_unsupported", {
    runtime: link.description,
    context: { capability: "upload" },
  });
}

export async function download(
  link: Link,
  _params: ParamsInput<"fs.download">,
  _local: string,
  _options: TransferOptions,
): Promise<TransferProgress> {
  throw berthError("runtime.capability_unsupported", {
    runtime: link.description,
    context: { capability: "download" },
  });
}
