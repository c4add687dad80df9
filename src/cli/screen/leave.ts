/**
 * Undoes in this terminal what the program may have set: for whoever leaves it while it runs. The screen of a
 * full-screen program is left without the cursor that was saved for it, since that is of another terminal.
 */
export const LEAVE_TERMINAL =
  "\x1b[?1047l\x1b[r\x1b[m\x1b[4l\x1b[?1l\x1b[?5l\x1b[?6l\x1b[?7h\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l" +
  "\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?2004l\x1b[?2026l\x1b[?2031l\x1b[?25h\x1b>\x1b(B\x1b)B\x1b[=0u\x1b[>4;0m\x1b[0 q\x1b[999H\r\n";
