// SPDX-License-Identifier: GPL-2.0-or-later
// move_rig: runs a command and moves it between home and two guests at random moments, with the
// real helpers on loopback. For tests and for trying things out; see --help.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "agents/common/fail.h"
#include "agents/common/json_line.h"
#include "agents/common/unique_fd.h"

namespace starling {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kStuck = 124, kBroken = 125;

std::filesystem::path beside_me(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

struct Options {
  int moves = 1000;
  milliseconds interval{20};
  milliseconds timeout{120'000};
  unsigned seed = 1;
  bool sealed = false;
  std::string json;
  std::vector<std::string> command;
};

// Starts a program; `give` become descriptors 3, 4, ...
pid_t start(const std::filesystem::path& program, std::vector<std::string> arguments,
            const std::vector<int>& give) {
  const pid_t pid = ::fork();
  if (pid < 0) fail_errno("fork");
  if (pid > 0) return pid;
  std::vector<int> copies;
  for (const int fd : give) copies.push_back(::fcntl(fd, F_DUPFD, 100));
  for (std::size_t i = 0; i < copies.size(); ++i) ::dup2(copies[i], static_cast<int>(3 + i));
  ::syscall(SYS_close_range, 3 + give.size(), ~0u, 0);
  // It is not the command: what the terminal or the test sends the command is none of its business.
  ::setpgid(0, 0);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

// A guest node: whoever connects gets a helper of his own.
class Guest {
 public:
  explicit Guest(const std::string& key) : key_(key) {
    fd_ = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (!fd_ || ::bind(fd_.get(), plain, size) != 0 || ::listen(fd_.get(), 16) != 0 ||
        ::getsockname(fd_.get(), plain, &size) != 0) {
      fail_errno("listening on ::1");
    }
    port_ = ntohs(address.sin6_port);
  }
  int fd() const { return fd_.get(); }
  int port() const { return port_; }

  void accept() {
    const UniqueFd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    std::vector<std::string> arguments{"--connection-fd", "3", "--address", "::1",
                                       "--interface",     "lo"};
    std::vector<int> give{connection.get()};
    UniqueFd key_end;
    if (key_.empty()) {
      arguments.push_back("--plain");
    } else {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
      key_end = UniqueFd(ends[0]);
      if (::write(ends[1], key_.data(), key_.size()) < 0) fail_errno("pipe");
      ::close(ends[1]);
      arguments.insert(arguments.end(), {"--key-fd", "4"});
      give.push_back(key_end.get());
    }
    helpers_.push_back(start(beside_me("starling-body"), arguments, give));
  }
  // Helpers end by themselves; those that did are reaped.
  void tend() {
    std::erase_if(helpers_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; });
  }
  // How many are left after their process is gone; they are killed.
  std::size_t finish() {
    const auto end = Clock::now() + std::chrono::seconds(5);
    while (!helpers_.empty() && Clock::now() < end) {
      tend();
      ::usleep(1000);
    }
    for (const pid_t pid : helpers_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    return helpers_.size();
  }

 private:
  std::string key_;
  UniqueFd fd_;
  int port_ = 0;
  std::vector<pid_t> helpers_;
};

class Rig {
 public:
  explicit Rig(Options options) : options_(std::move(options)), random_(options_.seed) {}

  int run() {
    if (options_.sealed) {
      key_.resize(32);
      RAND_bytes(reinterpret_cast<unsigned char*>(key_.data()), 32);
    }
    guests_.emplace_back(key_);
    guests_.emplace_back(key_);
    start_command();
    start_deputy();
    const int status = loop();
    report_["leftover_helpers"] = guests_[0].finish() + guests_[1].finish();
    ::kill(deputy_, SIGKILL);
    ::waitpid(deputy_, nullptr, 0);
    if (!options_.json.empty()) std::ofstream(options_.json) << report_.dump(2) << '\n';
    return status;
  }

 private:
  void start_command() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
    command_ = ::fork();
    if (command_ < 0) fail_errno("fork");
    if (command_ == 0) {
      std::vector<char*> argv;
      for (auto& a : options_.command) argv.push_back(a.data());
      argv.push_back(nullptr);
      ::execvp(argv[0], argv.data());
      const int error = errno;
      (void)!::write(ends[1], &error, sizeof error);
      ::_exit(127);
    }
    ::close(ends[1]);
    const UniqueFd result(ends[0]);
    int error = 0;
    if (::read(result.get(), &error, sizeof error) == sizeof error) {
      errno = error;
      fail_errno(options_.command[0]);
    }
    pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, command_, 0)));
  }

  void start_deputy() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
    orders_ = UniqueFd(ends[0]);
    const UniqueFd other(ends[1]);
    std::vector<std::string> arguments{"--pid", std::to_string(command_), "--report-fd", "3"};
    std::vector<int> give{other.get()};
    UniqueFd key_end;
    if (key_.empty()) {
      arguments.push_back("--plain");
    } else {
      int key[2];
      if (::pipe2(key, O_CLOEXEC) != 0) fail_errno("pipe");
      key_end = UniqueFd(key[0]);
      if (::write(key[1], key_.data(), key_.size()) < 0) fail_errno("pipe");
      ::close(key[1]);
      arguments.insert(arguments.end(), {"--key-fd", "4"});
      give.push_back(key_end.get());
    }
    deputy_ = start(beside_me("starling-deputy"), arguments, give);
  }

  int loop() {
    const auto end = Clock::now() + options_.timeout;
    auto next = Clock::now() + pause();
    while (true) {
      const auto now = Clock::now();
      if (now >= end) {
        report_["error"] =
            waiting_ ? "a move did not end in time" : "the command did not end in time";
        ::kill(command_, SIGKILL);
        ::kill(deputy_, SIGKILL);
        ::waitpid(command_, nullptr, 0);
        return kStuck;
      }
      if (!waiting_ && now >= next && moves_ < options_.moves) send_order();
      const auto until = waiting_ || moves_ >= options_.moves ? end : next;
      const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
      pollfd set[] = {{pidfd_.get(), POLLIN, 0},
                      {orders_.get(), POLLIN, 0},
                      {guests_[0].fd(), POLLIN, 0},
                      {guests_[1].fd(), POLLIN, 0}};
      ::poll(set, 4, static_cast<int>(std::clamp<long long>(left, 0, 1000)));
      for (int i = 0; i < 2; ++i) {
        if (set[2 + i].revents != 0) guests_[static_cast<std::size_t>(i)].accept();
        guests_[static_cast<std::size_t>(i)].tend();
      }
      if (set[1].revents != 0) {
        if (!take_reports()) {
          // The helper ends with its process; anything else is a fault.
          int status = 0;
          ::waitpid(deputy_, &status, 0);
          deputy_gone_ = true;
          if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            report_["error"] = "starling-deputy ended with status " + std::to_string(status);
            ::kill(command_, SIGKILL);
            ::waitpid(command_, nullptr, 0);
            return kBroken;
          }
          orders_.reset();
          waiting_ = false;
          moves_ = options_.moves;
        }
        if (!waiting_) next = Clock::now() + pause();
      }
      if (int status = 0; ::waitpid(command_, &status, WNOHANG) == command_) {
        if (orders_) take_reports();
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
    }
  }

  milliseconds pause() {
    std::exponential_distribution<double> wait(1.0);
    return milliseconds(
        static_cast<long>(wait(random_) * static_cast<double>(options_.interval.count())));
  }

  void send_order() {
    std::uniform_int_distribution<int> any(1, 3);
    int to = where_;
    while (to == where_) to = any(random_);
    nlohmann::json order{{"do", "home"}};
    if (to != 1) {
      order = {{"do", "go"},
               {"node", to},
               {"address", "::1"},
               {"interface", "lo"},
               {"port", guests_[static_cast<std::size_t>(to - 2)].port()}};
    }
    const std::string line = json_line(order);
    if (::send(orders_.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return;
    waiting_ = true;
    wanted_ = to;
  }

  bool take_reports() {
    char buffer[4096];
    while (true) {
      const ssize_t n = ::recv(orders_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return true;
      if (n == 0) return false;
      lines_.append({buffer, static_cast<std::size_t>(n)});
      while (const auto line = lines_.take())
        if (const auto object = parse_json_line(*line)) take_report(*object);
    }
  }

  void take_report(const nlohmann::json& r) {
    if (r.contains("reply")) {
      waiting_ = false;
      report_["calls"] = r.value("calls", 0);
      if (r.value("ok", false)) {
        ++moves_;
        where_ = wanted_;
        report_["moves"] = moves_;
        if (wanted_ != 1) freezes_.push_back(r.value("freeze_us", 0));
        std::sort(freezes_.begin(), freezes_.end());
        if (!freezes_.empty()) report_["freeze_us_median"] = freezes_[freezes_.size() / 2];
      } else {
        where_ = 1;
        count("refused", r.value("error", "?"));
      }
    } else if (r.value("event", "") == "where" && r.value("node", -1) == 0) {
      if (!waiting_ || wanted_ == 1) where_ = 1;
      if (const std::string why = r.value("why", ""); !why.empty()) count("came_home", why);
    } else if (r.value("event", "") == "end") {
      report_["calls"] = r.value("calls", 0);
      if (r.value("lost", false)) report_["lost"] = r.value("why", "?");
    }
  }

  void count(const char* what, const std::string& why) {
    auto& entry = report_[what][why];
    entry = entry.is_number() ? entry.get<int>() + 1 : 1;
  }

  Options options_;
  std::mt19937 random_;
  std::string key_;
  std::vector<Guest> guests_;
  pid_t command_ = 0;
  pid_t deputy_ = 0;
  bool deputy_gone_ = false;
  UniqueFd pidfd_;
  UniqueFd orders_;
  LineBuffer lines_{64 * 1024};
  bool waiting_ = false;
  int where_ = 1;  // 1 home, 2 and 3 the guests
  int wanted_ = 1;
  int moves_ = 0;
  std::vector<int> freezes_;
  nlohmann::json report_{{"moves", 0}, {"calls", 0}};
};

int run(int argc, char** argv) {
  Options o;
  long interval = 20, timeout = 120;
  po::options_description options(
      "move_rig [OPTIONS] -- COMMAND [ARGUMENT...]\n"
      "Runs COMMAND and moves it between home and two guests at random moments. Exit status: the "
      "command's; 124 when it does not end in time, 125 when a helper fails.");
  options.add_options()("help,h", "this text")("moves", po::value(&o.moves),
                                               "how often at most (1000)")(
      "interval", po::value(&interval), "ms between moves, in the mean (20)")(
      "timeout", po::value(&timeout), "seconds the whole may take (120)")(
      "seed", po::value(&o.seed), "of the random moments and places (1)")(
      "sealed", po::bool_switch(&o.sealed), "seal the streams, as between real nodes")(
      "json", po::value(&o.json), "file for what happened")("command", po::value(&o.command),
                                                            "the command");
  po::positional_options_description rest;
  rest.add("command", -1);
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(options).positional(rest).run(), given);
  po::notify(given);
  if (given.contains("help")) {
    std::cout << options;
    return 0;
  }
  if (o.command.empty()) throw po::error("no command given");
  o.interval = milliseconds(interval);
  o.timeout = milliseconds(timeout * 1000);
  return Rig(std::move(o)).run();
}

}  // namespace
}  // namespace starling

int main(int argc, char** argv) {
  try {
    return starling::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "move_rig: " << e.what() << '\n';
    return starling::kBroken;
  }
}
