// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>

namespace starling::migrate {

// A child that runs `body` and is killed at the end if it has not ended.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(body());
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status;
    ::waitpid(pid_, &status, __WALL);
  }
  Child(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Its exit status as a shell says it: 128 + n for signal n.
  int wait() {
    int status = 0;
    // A tracer in the same process sees stops, too; none is left when this is called.
    if (::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// Memory that parent and child both see.
template <typename T>
class Shared {
 public:
  Shared()
      : at_(new (::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0)) T()) {}
  ~Shared() { ::munmap(at_, sizeof(T)); }
  Shared(const Shared&) = delete;
  T* operator->() { return at_; }
  T& operator*() { return *at_; }

 private:
  T* at_;
};

}  // namespace starling::migrate
