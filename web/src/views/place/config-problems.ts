import "./no-compiling.ts";

export { runtimeConfigProblems } from "../../../../src/contract/config.ts";
