import { openApiDocument } from "../../api/document.ts";
import type { Handlers } from "../handlers.ts";
import { DOCS_PAGE_HEADERS, docsPage } from "./docs-page.ts";

/** The document of the API and its page: the same for everybody, made at the first call. */
export function documentHandlers(): Handlers<"document" | "docsPage"> {
  let json: string | undefined;
  let page: string | undefined;
  return {
    document() {
      json ??= JSON.stringify(openApiDocument());
      return {
        status: 200,
        stream: [json],
        headers: { "content-type": "application/json; charset=utf-8" },
      };
    },
    docsPage() {
      page ??= docsPage(openApiDocument());
      return { status: 200, stream: [page], headers: DOCS_PAGE_HEADERS };
    },
  };
}
