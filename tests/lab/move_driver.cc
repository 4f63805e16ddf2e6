// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/move_driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "agents/common/fail.h"

namespace starling::lab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::filesystem::path beside_me(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

std::string helper_log = "/dev/null";

struct HelperPlace {
  std::string directory;
  std::vector<std::string> environment;
  int netns;
};

// Starts a helper; `give` become descriptors 3, 4, ...
pid_t start_helper(const std::string& name, std::vector<std::string> arguments,
                   const std::vector<int>& give, HelperPlace place) {
  const std::filesystem::path program =
      place.directory.empty() ? beside_me(name) : std::filesystem::path(place.directory) / name;
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail_errno("fork");
  if (pid > 0) return pid;
  if (place.netns >= 0 && ::setns(place.netns, CLONE_NEWNET) != 0) ::_exit(126);
  for (std::string& variable : place.environment) ::putenv(variable.data());
  std::vector<int> copies;
  for (const int fd : give) copies.push_back(::fcntl(fd, F_DUPFD, 100));
  if (const int log = ::open(helper_log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644); log >= 0)
    ::dup2(log, 2);
  for (std::size_t i = 0; i < copies.size(); ++i) ::dup2(copies[i], static_cast<int>(3 + i));
  ::syscall(SYS_close_range, 3 + give.size(), ~0u, 0);
  // It is not the command: what a terminal sends to the command is none of its business.
  ::setpgid(0, 0);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

UniqueFd key_pipe(const std::string& key) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  UniqueFd in(ends[0]), out(ends[1]);
  if (::write(out.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()))
    fail_errno("pipe");
  return in;
}

UniqueFd listen_on(const MoveGuest::Options& o) {
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail_errno("socket");
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, o.address.c_str(), &address.sin6_addr);
  address.sin6_scope_id = ::if_nametoindex(o.interface.c_str());
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 128) != 0) {
    fail_errno("listening on " + o.address);
  }
  return fd;
}

}  // namespace

void log_helpers_to(const std::string& path) {
  helper_log = path;
}

std::string random_stream_key() {
  std::string key(32, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), 32);
  return key;
}

MoveGuest::MoveGuest(Options options) : options_(std::move(options)) {
  std::exception_ptr failure;
  // The namespace is a property of the thread that makes the socket.
  std::thread([&] {
    try {
      if (options_.netns >= 0 && ::setns(options_.netns, CLONE_NEWNET) != 0) fail_errno("setns");
      fd_ = listen_on(options_);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin6_port);
}

void MoveGuest::accept() {
  const UniqueFd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  std::vector<std::string> arguments{"--connection-fd", "3",           "--address",
                                     options_.address,  "--interface", options_.interface};
  std::vector<int> give{connection.get()};
  UniqueFd key;
  if (options_.key.empty()) {
    arguments.push_back("--plain");
  } else {
    key = key_pipe(options_.key);
    arguments.insert(arguments.end(), {"--key-fd", "4"});
    give.push_back(key.get());
  }
  arguments.insert(arguments.end(), options_.more.begin(), options_.more.end());
  helpers_.push_back(start_helper("starling-body", arguments, give,
                                  {options_.helpers, options_.environment, options_.netns}));
}

void MoveGuest::tend() {
  std::erase_if(helpers_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; });
}

std::size_t MoveGuest::finish(milliseconds patience) {
  const auto end = Clock::now() + patience;
  tend();
  while (!helpers_.empty() && Clock::now() < end) {
    ::usleep(1000);
    tend();
  }
  const std::size_t left = helpers_.size();
  for (const pid_t pid : helpers_) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  helpers_.clear();
  return left;
}

MoveDriver::MoveDriver(std::vector<MoveGuest::Options> guests, std::string key, int netns)
    : key_(std::move(key)), netns_(netns) {
  for (auto& o : guests) {
    if (o.key.empty()) o.key = key_;
    guests_.push_back(std::make_unique<MoveGuest>(std::move(o)));
  }
}

MoveDriver::~MoveDriver() {
  kill();
  finish();
}

void MoveDriver::start(const std::vector<std::string>& command, int in, int out) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  const UniqueFd result(ends[0]);
  std::vector<char*> argv;
  for (auto& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  command_ = ::fork();
  if (command_ < 0) fail_errno("fork");
  if (command_ == 0) {
    if (in != 0) ::dup2(in, 0);
    if (out != 1) ::dup2(out, 1);
    ::execvp(argv[0], argv.data());
    const int error = errno;
    (void)!::write(ends[1], &error, sizeof error);
    ::_exit(127);
  }
  ::close(ends[1]);
  int error = 0;
  if (::read(result.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(command_, nullptr, 0);
    command_ = 0;
    errno = error;
    fail_errno(command[0]);
  }
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, command_, 0)));
  start_deputy();
}

void MoveDriver::use_deputy(std::string directory, std::vector<std::string> environment) {
  deputy_directory_ = std::move(directory);
  deputy_environment_ = std::move(environment);
}

void MoveDriver::restart_deputy() {
  deputy_ended_.reset();
  where_ = 1;
  start_deputy();
}

void MoveDriver::start_deputy() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  orders_ = UniqueFd(ends[0]);
  const UniqueFd other(ends[1]);
  std::vector<std::string> arguments{"--pid", std::to_string(command_), "--report-fd", "3"};
  std::vector<int> give{other.get()};
  UniqueFd key;
  if (key_.empty()) {
    arguments.push_back("--plain");
  } else {
    key = key_pipe(key_);
    arguments.insert(arguments.end(), {"--key-fd", "4"});
    give.push_back(key.get());
  }
  deputy_ = start_helper("starling-deputy", arguments, give,
                         {deputy_directory_, deputy_environment_, netns_});
}

void MoveDriver::order(int place) {
  nlohmann::json order{{"do", "home"}};
  if (place != 1) {
    const MoveGuest& to = guest(place);
    order = {{"do", "go"},
             {"node", place},
             {"address", to.options().address},
             {"interface", to.options().interface},
             {"port", to.port()}};
  }
  const std::string line = json_line(order);
  waiting_ = orders_ && ::send(orders_.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
                            static_cast<ssize_t>(line.size());
  wanted_ = place;
}

void MoveDriver::pump(milliseconds patience) {
  std::vector<pollfd> set{{ended_ ? -1 : pidfd_.get(), POLLIN, 0}, {orders_.get(), POLLIN, 0}};
  for (const auto& g : guests_) set.push_back({g->fd(), POLLIN, 0});
  ::poll(set.data(), set.size(), static_cast<int>(std::max<long long>(patience.count(), 0)));
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    if (set[2 + i].revents != 0) guests_[i]->accept();
    guests_[i]->tend();
  }
  take_reports();
  if (int status = 0; !ended_ && command_ > 0 && ::waitpid(command_, &status, WNOHANG) == command_)
    ended_ = status;
  if (int status = 0;
      !deputy_ended_ && deputy_ > 0 && ::waitpid(deputy_, &status, WNOHANG) == deputy_)
    deputy_ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

nlohmann::json MoveDriver::move(int place, milliseconds patience) {
  const auto end = Clock::now() + patience;
  order(place);
  while (waiting_ && Clock::now() < end) pump(milliseconds(100));
  if (!waiting_) return last_reply_;
  return {{"ok", false}, {"error", "no reply in time"}};
}

int MoveDriver::wait(milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (!ended_ && Clock::now() < end) pump(milliseconds(100));
  if (!ended_) return -1;
  return WIFEXITED(*ended_) ? WEXITSTATUS(*ended_) : 128 + WTERMSIG(*ended_);
}

void MoveDriver::kill() {
  if (command_ > 0 && !ended_) {
    ::kill(command_, SIGKILL);
    // A deputy lets its process go only when it takes the report of its end.
    for (int i = 0; i < 50 && !ended_; ++i) pump(milliseconds(20));
  }
}

std::size_t MoveDriver::finish(milliseconds patience) {
  std::size_t left = 0;
  const auto end = Clock::now() + patience;
  while (deputy_ > 0 && !deputy_ended_ && Clock::now() < end) pump(milliseconds(20));
  if (deputy_ > 0 && !deputy_ended_) {
    ::kill(deputy_, SIGKILL);
    ::waitpid(deputy_, nullptr, 0);
    deputy_ended_ = 128 + SIGKILL;
    ++left;
    if (command_ > 0 && !ended_) {
      int status = 0;
      if (::waitpid(command_, &status, 0) == command_) ended_ = status;
    }
  }
  for (const auto& g : guests_) left += g->finish(patience);
  return left;
}

void MoveDriver::take_reports() {
  char buffer[4096];
  while (orders_) {
    const ssize_t n = ::recv(orders_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      orders_.reset();
      if (waiting_) last_reply_ = {{"ok", false}, {"error", "home's helper is gone"}};
      waiting_ = false;
      return;
    }
    lines_.append({buffer, static_cast<std::size_t>(n)});
    while (const auto line = lines_.take())
      if (const auto object = parse_json_line(*line)) take_report(*object);
  }
}

void MoveDriver::take_report(const nlohmann::json& report) {
  if (report.contains("reply")) {
    waiting_ = false;
    last_reply_ = report;
    where_ = report.value("ok", false) ? wanted_ : 1;
  } else if (report.value("event", "") == "where" && !waiting_) {
    where_ = std::max(1, report.value("node", 1));
  }
  if (on_report) on_report(report);
}

}  // namespace starling::lab
