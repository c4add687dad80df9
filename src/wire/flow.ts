import type { Method } from "./messages.ts";

/** Which frames of a stream may follow its REQUEST, so that nobody has to say END where nothing can follow. */
export interface Flow {
  /** The client sends DATA and END; otherwise REQUEST ends its side. */
  readonly input: boolean;
  /** RESPONSE ends the daemon's side. */
  readonly lastIsResponse: boolean;
}

const ONE_ANSWER: Flow = { input: false, lastIsResponse: true };
const INPUT_THEN_ANSWER: Flow = { input: true, lastIsResponse: true };
const ANSWER_THEN_OUTPUT: Flow = { input: false, lastIsResponse: false };
const BOTH_WAYS: Flow = { input: true, lastIsResponse: false };

const FLOWS: { readonly [M in Method]?: Flow } = {
  "process.output": ANSWER_THEN_OUTPUT,
  "process.events": ANSWER_THEN_OUTPUT,
  "process.stdin": BOTH_WAYS,
  "fs.read": ANSWER_THEN_OUTPUT,
  "fs.readText": ANSWER_THEN_OUTPUT,
  "fs.write": INPUT_THEN_ANSWER,
  "fs.change": INPUT_THEN_ANSWER,
  "fs.watch": ANSWER_THEN_OUTPUT,
  "fs.upload": INPUT_THEN_ANSWER,
  "fs.download": ANSWER_THEN_OUTPUT,
  "port.connect": BOTH_WAYS,
  "port.listen": ANSWER_THEN_OUTPUT,
  "port.accept": BOTH_WAYS,
};

/** Flow of a method; `process.start` depends on its parameters. Methods not listed: one answer, nothing besides. */
export function flowOf(method: Method, params: unknown): Flow {
  if (method !== "process.start") return FLOWS[method] ?? ONE_ANSWER;
  const { stdin, attach } = params as { stdin?: unknown; attach?: unknown };
  return { input: stdin === "pipe", lastIsResponse: attach === undefined };
}
