import { config } from "zod";

// Before the first schema is made: the page's rules forbid making code of text, which these would try.
config({ jitless: true });
