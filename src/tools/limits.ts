/** What a model's context is protected by. Bytes are of UTF-8, and no character is ever split. */
export interface ToolLimits {
  /** Of one result's text. */
  readonly maxBytes: number;
  readonly maxLines: number;
  /** Of one line. */
  readonly maxLineBytes: number;
  /** Of an image. */
  readonly maxImageBytes: number;
}

export const DEFAULT_LIMITS: ToolLimits = {
  maxBytes: 30_000,
  maxLines: 2_000,
  maxLineBytes: 2_000,
  maxImageBytes: 5 * 1024 * 1024,
};
