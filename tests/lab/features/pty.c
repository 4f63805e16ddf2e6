// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a pseudo-terminal: modes, echo, window size with SIGWINCH, line editing
// Group: ipc
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "feature.h"

static void expect(int fd, const char* want) {
  char got[64] = "";
  size_t size = 0;
  while (size < strlen(want)) {
    const ssize_t r = SYS(read(fd, got + size, sizeof got - 1 - size));
    CHECK(r > 0);
    size += (size_t)r;
  }
  CHECK(strcmp(got, want) == 0);
}

int main(void) {
  int master, terminal;
  struct winsize w = {24, 80, 0, 0}, seen;
  SYS(openpty(&master, &terminal, NULL, NULL, &w));
  for (unsigned short n = 1; feature_more(); n = (unsigned short)(n % 200 + 1)) {
    CHECK_EQ(isatty(terminal), 1);
    CHECK_EQ(write(master, "abx\177c\n", 6), 6);  // x is erased before the line is handed over
    feature_work();
    expect(terminal, "abc\n");
    expect(master, "abx\b \bc\r\n");
    w.ws_row = n;
    SYS(ioctl(master, TIOCSWINSZ, &w));
    SYS(ioctl(terminal, TIOCGWINSZ, &seen));
    CHECK_EQ(seen.ws_row, n);
    CHECK_EQ(seen.ws_col, 80);
    struct termios t, again;
    SYS(tcgetattr(terminal, &t));
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    SYS(tcsetattr(terminal, TCSANOW, &t));
    CHECK_EQ(write(master, "q", 1), 1);
    expect(terminal, "q");
    feature_work();
    SYS(tcgetattr(terminal, &again));
    CHECK_EQ(again.c_lflag, t.c_lflag);
    t.c_lflag |= ICANON | ECHO;
    SYS(tcsetattr(terminal, TCSANOW, &t));
    CHECK_EQ(write(terminal, "out\n", 4), 4);
    expect(master, "out\r\n");
  }
  return feature_pass();
}
