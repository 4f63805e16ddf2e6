// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "builder/core/process_tree.h"

extern char** environ;

namespace starling::builder {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kGrace = std::chrono::seconds(5);  // between SIGTERM and SIGKILL
constexpr size_t kTailLines = 8;
constexpr size_t kLongestLine = 4096;

[[noreturn]] void os_error(const std::string& what) {
  throw Error(what + ": " + std::strerror(errno));
}

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) os_error("pipe");
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
};

// A file that holds `text`: unlike a pipe it needs no writer while the program runs.
UniqueFd standard_input(const std::string& text) {
  if (text.empty()) return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd fd(memfd_create("stdin", MFD_CLOEXEC));
  if (!fd) os_error("memfd_create");
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd.get(), text.data() + done, text.size() - done);
    if (n <= 0) os_error("memfd write");
    done += static_cast<size_t>(n);
  }
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

// Cuts a byte stream into lines; '\r' ends one too, as progress bars mean it.
class LineCutter {
 public:
  explicit LineCutter(std::function<void(std::string_view)> f) : f_(std::move(f)) {}
  void feed(std::string_view data) {
    for (char c : data) {
      if (c == '\n' || c == '\r') {
        flush();
      } else if (line_.size() < kLongestLine) {
        line_ += c;
      }
    }
  }
  void flush() {
    if (!line_.empty()) f_(line_);
    line_.clear();
  }

 private:
  std::function<void(std::string_view)> f_;
  std::string line_;
};

}  // namespace

struct Command::Result {
  int status = 0;  // exit status, 128+n for signal n
  bool timed_out = false;
  std::string output;            // standard output when it was separated
  std::deque<std::string> tail;  // last lines of everything
};

Command& Command::cwd(fs::path dir) {
  cwd_ = std::move(dir);
  return *this;
}
Command& Command::env(std::string name, std::string value) {
  env_[std::move(name)] = std::move(value);
  return *this;
}
Command& Command::input(std::string text) {
  input_ = std::move(text);
  return *this;
}
Command& Command::log_to(fs::path file) {
  log_ = std::move(file);
  return *this;
}
Command& Command::timeout(std::chrono::seconds limit) {
  timeout_ = limit;
  return *this;
}
Command& Command::on_line(std::function<void(std::string_view)> f) {
  on_line_ = std::move(f);
  return *this;
}
Command& Command::tee(std::function<void(std::string_view)> f) {
  tee_ = std::move(f);
  return *this;
}
Command& Command::cancel_on(const CancelToken* token) {
  cancel_ = token;
  return *this;
}

Command::Result Command::execute(bool separate_stdout) {
  if (argv_.empty()) throw Error("an empty command");
  throw_if_interrupted();
  if (cancel_ && cancel_->cancelled()) throw Interrupted();

  // All that allocates happens before fork(): other threads may hold the allocator's lock.
  const auto path = env_.find("PATH");
  const char* own_path = getenv("PATH");
  const fs::path program = find_program(argv_[0], path != env_.end() ? path->second
                                                  : own_path         ? own_path
                                                                     : "/bin");
  if (program.empty())
    throw Error("cannot start " + argv_[0] + ": no such program on PATH")
        .replay(shell_line())
        .hint("install the package that has it (`make deps` installs all that a build needs)");
  std::vector<std::string> env_text;
  for (char** e = environ; *e; ++e) {
    const std::string_view entry = *e;
    if (!env_.contains(std::string(entry.substr(0, entry.find('='))))) env_text.emplace_back(entry);
  }
  for (const auto& [k, v] : env_) env_text.push_back(k + "=" + v);
  std::vector<char*> argv, envp;
  for (auto& a : argv_) argv.push_back(a.data());
  for (auto& e : env_text) envp.push_back(e.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  UniqueFd log;
  if (!log_.empty()) {
    log.reset(open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log) os_error("cannot open the log " + log_.string());
  }
  // A full disk must not hide what the program said: it will fail by itself soon enough.
  auto to_log = [&](std::string_view data) {
    if (log) [[maybe_unused]]
      ssize_t n = write(log.get(), data.data(), data.size());
  };
  to_log("+ " + shell_line() + "\n");

  UniqueFd in = standard_input(input_);
  Pipe out, err, started;
  const pid_t pid = fork();
  if (pid < 0) os_error("fork");
  if (pid == 0) {
    // A session of its own: a process group to kill, and no terminal to ask questions on.
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    dup2(in.get(), 0);
    dup2(out.write.get(), 1);
    dup2(separate_stdout ? err.write.get() : out.write.get(), 2);
    if (!cwd_ || chdir(cwd_->c_str()) == 0) execve(program.c_str(), argv.data(), envp.data());
    const int reason = errno;
    [[maybe_unused]] ssize_t n = write(started.write.get(), &reason, sizeof reason);
    _exit(127);
  }
  in.reset();
  out.write.reset();
  err.write.reset();
  started.write.reset();
  int reason = 0;
  ssize_t got;
  while ((got = read(started.read.get(), &reason, sizeof reason)) < 0 && errno == EINTR) {
  }
  if (got == sizeof reason) {
    waitpid(pid, nullptr, 0);
    throw Error("cannot start " + argv_[0] + (cwd_ ? " in " + cwd_->string() : "") + ": " +
                std::strerror(reason))
        .replay(shell_line());
  }

  Result result;
  LineCutter cutter([&](std::string_view line) {
    result.tail.emplace_back(line);
    if (result.tail.size() > kTailLines) result.tail.pop_front();
    if (tee_) tee_(line);
    if (on_line_) on_line_(line);
  });
  LineCutter err_cutter([&](std::string_view line) {
    result.tail.emplace_back(line);
    if (result.tail.size() > kTailLines) result.tail.pop_front();
    if (tee_) tee_(line);
  });
  std::exception_ptr callback_error;
  // Reads what is there; closes the descriptor at end of file.
  auto drain = [&](UniqueFd& fd, bool is_stdout) {
    char buffer[16384];
    while (fd) {
      const ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        fd.reset();
        return;
      }
      const std::string_view data(buffer, static_cast<size_t>(n));
      const bool keep = separate_stdout && is_stdout;
      if (keep)
        result.output += data;
      else
        to_log(data);
      try {
        (is_stdout ? cutter : err_cutter).feed(data);
      } catch (...) {
        if (!callback_error) callback_error = std::current_exception();
      }
    }
  };
  for (UniqueFd* fd : {&out.read, &err.read}) fcntl(fd->get(), F_SETFL, O_NONBLOCK);

  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const CancelToken& interrupt = interrupt_token();
  bool cancelled = false, killed = false, ended = false;
  int seen_interrupts = 0;
  auto deadline = timeout_ ? Clock::now() + *timeout_ : Clock::time_point::max();
  auto signal_all = [&](int sig) {
    for (pid_t child : descendants(pid)) kill(child, sig);
    kill(-pid, sig);
  };
  while (!ended) {
    struct pollfd fds[] = {{pidfd.get(), POLLIN, 0},
                           {out.read.get(), POLLIN, 0},
                           {err.read.get(), POLLIN, 0},
                           // Readable for ever once set: only the first time is news.
                           {cancelled ? -1 : interrupt.fd(), POLLIN, 0},
                           {cancelled || !cancel_ ? -1 : cancel_->fd(), POLLIN, 0}};
    int wait_ms = pidfd && !cancelled ? -1 : 100;
    if (deadline != Clock::time_point::max()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count() +
          1;
      if (wait_ms < 0 || left < wait_ms)
        wait_ms = static_cast<int>(std::clamp<long>(left, 0, 1 << 30));
    }
    poll(fds, 5, wait_ms);
    drain(out.read, true);
    drain(err.read, false);
    siginfo_t info{};
    // WNOWAIT: while the zombie is there, its number and its group's cannot be anybody else's.
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == pid) {
      ended = true;
      break;
    }
    const bool asked = interrupt.cancelled() || (cancel_ && cancel_->cancelled());
    if (!cancelled && (asked || callback_error || Clock::now() >= deadline)) {
      result.timed_out = !asked && !callback_error;
      cancelled = true;
      seen_interrupts = interrupt.count();
      signal_all(SIGTERM);
      deadline = Clock::now() + kGrace;
    } else if (cancelled && !killed &&
               (Clock::now() >= deadline || interrupt.count() > std::max(seen_interrupts, 1))) {
      killed = true;
      signal_all(SIGKILL);
      deadline = Clock::time_point::max();
    }
  }
  kill(-pid, SIGKILL);  // what it left running in its group
  drain(out.read, true);
  drain(err.read, false);
  try {
    cutter.flush();
    err_cutter.flush();
  } catch (...) {
    if (!callback_error) callback_error = std::current_exception();
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (callback_error) std::rethrow_exception(callback_error);
  if (cancelled && !result.timed_out) {
    to_log("(interrupted)\n");
    throw Interrupted();
  }
  return result;
}

void Command::fail(const Result& result) const {
  std::string cause = fs::path(argv_[0]).filename().string();
  if (result.timed_out) {
    cause += " took longer than " + std::to_string(timeout_->count()) + " s";
  } else if (result.status > 128) {
    cause += std::string(" was ended by signal ") + std::to_string(result.status - 128) + " (" +
             strsignal(result.status - 128) + ")";
  } else {
    cause += " failed with exit status " + std::to_string(result.status);
  }
  for (const auto& line : result.tail) cause += "\n  | " + line;
  throw Error(cause).replay(shell_line()).see_log(log_);
}

void Command::run() {
  const Result result = execute(false);
  if (result.status != 0 || result.timed_out) fail(result);
}

std::string Command::capture() {
  Result result = execute(true);
  if (result.status != 0 || result.timed_out) fail(result);
  return std::move(result.output);
}

int Command::status() {
  const Result result = execute(false);
  if (result.timed_out) fail(result);
  return result.status;
}

std::string Command::shell_line() const {
  std::string line;
  if (cwd_) line += "cd " + shell_quote(*cwd_) + " && ";
  for (const auto& [k, v] : env_) line += k + "=" + shell_quote(v) + " ";
  for (size_t i = 0; i < argv_.size(); ++i) line += (i ? " " : "") + shell_quote(argv_[i]);
  return line;
}

std::string shell_quote(const std::string& text) {
  static constexpr char kPlain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

fs::path find_program(const std::string& program, const std::string& path) {
  auto runnable = [](const fs::path& p) {
    std::error_code ec;
    return fs::is_regular_file(p, ec) && access(p.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string::npos) return program;  // execve tells what is wrong
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const fs::path candidate = fs::path(path.substr(start, end - start)) / program;
    if (end > start && runnable(candidate)) return candidate;
    start = end + 1;
  }
  return {};
}

bool have_program(const std::string& program) {
  const char* path = getenv("PATH");
  return !find_program(program, path ? path : "/usr/sbin:/usr/bin:/sbin:/bin").empty();
}

}  // namespace starling::builder
