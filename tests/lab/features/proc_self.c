// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: /proc/self shows this program: exe, fd, stat, status, maps, cmdline, limits
// Group: process
#include <fcntl.h>
#include <sys/resource.h>

#include "feature.h"

static void slurp(const char* path, char* text, size_t size) {
  const int fd = (int)SYS(open(path, O_RDONLY));
  size_t used = 0;
  ssize_t r;
  while (used < size - 1 && (r = SYS(read(fd, text + used, size - 1 - used))) > 0)
    used += (size_t)r;
  text[used] = 0;
  SYS(close(fd));
}

int main(int argc, char** argv) {
  (void)argc;
  static char text[1 << 17], exe[512], again[512];
  SYS(readlink("/proc/self/exe", exe, sizeof exe - 1));
  SYS(dup2((int)SYS(open("/dev/null", O_RDONLY)), 77));
  while (feature_more()) {
    feature_work();
    memset(again, 0, sizeof again);
    SYS(readlink("/proc/self/exe", again, sizeof again - 1));
    CHECK(strcmp(exe, again) == 0);
    memset(again, 0, sizeof again);
    SYS(readlink("/proc/self/fd/77", again, sizeof again - 1));
    CHECK(strcmp(again, "/dev/null") == 0);
    slurp("/proc/self/stat", text, sizeof text);
    CHECK_EQ(atoi(text), getpid());
    slurp("/proc/self/status", text, sizeof text);
    char* const parent = strstr(text, "\nPPid:");
    CHECK(parent != NULL);
    CHECK_EQ(atoi(parent + 6), getppid());
    slurp("/proc/self/cmdline", text, sizeof text);
    CHECK(strcmp(text, argv[0]) == 0);
    slurp("/proc/self/maps", text, sizeof text);
    CHECK(strstr(text, "[stack]") != NULL);
    CHECK(strstr(text, exe) != NULL);
    slurp("/proc/self/limits", text, sizeof text);
    CHECK(strstr(text, "Max open files") != NULL);
  }
  return feature_pass();
}
