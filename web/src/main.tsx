import { createRoot } from "react-dom/client";
import "./styles/tokens.css";
import "./styles/base.css";
import { giveStylesTheirNonce } from "./nonce.ts";
import { Page } from "./shell/page.tsx";
import { applyTheme } from "./shell/theme.ts";

giveStylesTheirNonce();
applyTheme();
const element = document.getElementById("page");
if (element === null) throw new Error("the document has no element for the page");
createRoot(element).render(<Page />);
