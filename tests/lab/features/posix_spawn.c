// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: posix_spawn with file actions and attributes
// Group: process
#include <fcntl.h>
#include <spawn.h>

#include "feature.h"

extern char** environ;

int main(void) {
  while (feature_more()) {
    int fds[2];
    SYS(pipe2(fds, O_CLOEXEC));
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    OK(posix_spawn_file_actions_init(&actions));
    OK(posix_spawn_file_actions_adddup2(&actions, fds[1], 1));
    OK(posix_spawnattr_init(&attributes));
    OK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP));
    OK(posix_spawnattr_setpgroup(&attributes, 0));
    char* const argv[] = {"sh", "-c", "echo spawned", NULL};
    pid_t pid;
    OK(posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ));
    SYS(close(fds[1]));
    char text[32] = "";
    size_t size = 0;
    ssize_t r;
    while ((r = SYS(read(fds[0], text + size, sizeof text - size))) > 0) size += (size_t)r;
    CHECK(strcmp(text, "spawned\n") == 0);
    SYS(close(fds[0]));
    feature_wait_exit(pid, 0);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    feature_work();
  }
  return feature_pass();
}
