// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/move/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling::lab {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& t : texts) out.push_back(t.data());
  out.push_back(nullptr);
  return out;
}

UniqueFd temporary_file() {
  UniqueFd fd(::memfd_create("output", MFD_CLOEXEC));
  if (!fd) fail_errno("memfd_create");
  return fd;
}

std::string contents(int fd) {
  std::string text;
  char block[65536];
  for (off_t at = 0;;) {
    const ssize_t r = ::pread(fd, block, sizeof block, at);
    if (r < 0) fail_errno("reading a program's output");
    if (r == 0) return text;
    text.append(block, static_cast<size_t>(r));
    at += r;
  }
}

// FNV-1a, 64 bits: only to see that two files differ.
std::string size_and_hash(const std::string& data) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : data) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return std::to_string(data.size()) + " bytes, hash " + std::to_string(hash);
}

std::map<std::string, std::string> files_of(const std::filesystem::path& dir) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string data = text.str();
    constexpr size_t kWhole = 1 << 20;
    files[std::filesystem::relative(entry.path(), dir)] =
        data.size() <= kWhole ? data : size_and_hash(data);
  }
  return files;
}

std::string in_words(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

// The first difference of two texts, with what stands around it.
std::string first_difference(const std::string& a, const std::string& b) {
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const size_t from = at < 40 ? 0 : at - 40;
  return "at byte " + std::to_string(at) + " of " + std::to_string(a.size()) + " and " +
         std::to_string(b.size()) + "\n    native: " + a.substr(from, 400) +
         "\n    moved:  " + b.substr(from, 400) + "\n";
}

}  // namespace

Outcome run(const Command& command) {
  const UniqueFd out = temporary_file(), err = temporary_file();
  std::vector<std::string> arguments = command.argv, variables;
  for (const auto& [key, value] : command.environment) variables.push_back(key + "=" + value);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);

  const pid_t pid = ::fork();
  if (pid < 0) fail_errno("fork");
  if (pid == 0) {
    ::setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY);
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(out.get(), 1) < 0 || ::dup2(err.get(), 2) < 0 ||
        ::chdir(command.directory.c_str()) != 0) {
      _exit(126);
    }
    ::close(null);
    ::execve(argv[0], argv.data(), envp.data());
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  ::setpgid(pid, pid);  // both sides do: whoever comes first

  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) fail_errno("pidfd_open");
  const auto end = std::chrono::steady_clock::now() + command.limit;
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < end) {
    pollfd p{handle.get(), POLLIN, 0};
    ended = ::poll(&p, 1, 100) == 1;
  }
  // Whatever it left running in its group goes with it; a hung program is ended by the same call.
  ::kill(-pid, SIGKILL);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) fail_errno("waitpid");

  Outcome outcome;
  outcome.status = ended ? in_words(status)
                         : "still running after " + std::to_string(command.limit.count()) + " s";
  outcome.out = contents(out.get());
  outcome.err = contents(err.get());
  outcome.files = files_of(command.directory);
  return outcome;
}

std::string difference(const Outcome& native, const Outcome& moved) {
  std::string text;
  if (native.status != moved.status) {
    text += "  natively: " + native.status + ", moved: " + moved.status + "\n";
  }
  if (native.out != moved.out) text += "  stdout " + first_difference(native.out, moved.out);
  if (native.err != moved.err) text += "  stderr " + first_difference(native.err, moved.err);
  for (const auto& [path, data] : native.files) {
    const auto other = moved.files.find(path);
    if (other == moved.files.end()) {
      text += "  file " + path + ": missing after the moves\n";
    } else if (other->second != data) {
      text += "  file " + path + " " + first_difference(data, other->second);
    }
  }
  for (const auto& [path, data] : moved.files) {
    if (!native.files.contains(path)) text += "  file " + path + ": only after the moves\n";
  }
  return text;
}

Scratch::Scratch() {
  std::string name = "/tmp/starling-move.XXXXXX";
  if (!::mkdtemp(name.data())) fail_errno(name);
  path_ = name;
  // Programs that become another user work in here too.
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace starling::lab
