// SPDX-License-Identifier: GPL-2.0-or-later
// Stands in for starling-deputy and starling-body in the lab: speaks the report protocol and the
// sealed stream, and moves nothing. What it is told to do wrong is written in a file "mood" beside
// itself: "refuse", "crash" (on go), "slow" (answers go after two seconds), "mute" (never answers).
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/process_info.h"
#include "agents/common/report_channel.h"
#include "agents/common/secure_stream.h"
#include "agents/common/small_file.h"

using namespace starling;
using nlohmann::json;

namespace {

std::map<std::string, std::string> options;

std::string mood() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::string text = read_small_file(self / "mood").value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int number(const std::string& name) {
  return std::atoi(options.at(name).c_str());
}

// Only what the daemon gave is open: 0, 1, 2 and the descriptors named on the command line.
bool clean_descriptors(int count) {
  for (int fd = 3 + count; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) return false;
  }
  return true;
}

void send_text(ByteStream& stream, const std::string& text) {
  stream.write(as_bytes(text + "\n"));
}

std::string read_text(ByteStream& stream) {
  std::string text;
  std::uint8_t c = 0;
  while (stream.read({&c, 1}) == 1 && c != '\n') text += static_cast<char>(c);
  return text;
}

std::unique_ptr<ByteStream> connect_to(const json& go, const StreamKey& key) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(go.at("port").get<std::uint16_t>());
  address.sin6_scope_id = if_nametoindex(go.at("interface").get<std::string>().c_str());
  inet_pton(AF_INET6, go.at("address").get<std::string>().c_str(), &address.sin6_addr);
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error(std::string("connecting failed: ") + std::strerror(errno));
  }
  return secure_client(fd.release(), key);
}

class FakeDeputy {
 public:
  FakeDeputy()
      : pid_(number("--pid")),
        report_(number("--report-fd"), "deputy", pid_),
        key_(read_stream_key(number("--key-fd"))) {}

  int run() {
    while (true) {
      // The moved process has ended: so does its deputy.
      if (::kill(pid_, 0) != 0) {
        report_.event("end", {{"why", "the process ended"}});
        return 0;
      }
      report_.tend();
      pollfd p[2] = {{report_.fd(), POLLIN, 0}, {body_ ? body_->fd() : -1, POLLIN, 0}};
      if (::poll(p, 2, 100) < 0 && errno != EINTR) fail_errno("poll");
      while (const auto request = report_.next()) handle(*request);
      if (p[1].revents != 0) from_body();
    }
  }

 private:
  void handle(const json& request) {
    const std::string what = request.at("do");
    if (mood() == "mute") return;
    if (what == "go") {
      go(request);
    } else if (what == "home") {
      body_.reset();
      report_.event("where", {{"node", 0}});
      report_.reply("home", true);
    } else if (what == "stats") {
      report_.reply("stats", true, "", {{"calls", 42}});
    }
  }

  void go(const json& request) {
    const std::string now = mood();
    if (now == "crash") ::abort();
    if (now == "slow") ::sleep(2);
    if (now == "refuse") return report_.reply("go", false, "it maps /dev/dri/card0");
    try {
      auto body = connect_to(request, key_);
      send_text(*body, json{{"pid", pid_}, {"comm", read_process(pid_)->comm}}.dump());
      if (read_text(*body) != "ready") throw std::runtime_error("the guest is not ready");
      body_ = std::move(body);
    } catch (const std::exception& e) {
      return report_.reply("go", false, e.what());
    }
    report_.event("where", {{"node", request.at("node")}});
    report_.reply("go", true);
  }

  // The guest sends it home, or is lost.
  void from_body() {
    std::string said;
    try {
      said = read_text(*body_);
    } catch (const StreamBroken&) {
      ::_exit(3);
    } catch (const StreamClosed&) {
    }
    body_.reset();
    report_.event("where", {{"node", 0}});
  }

  const pid_t pid_;
  ReportChannel report_;
  const StreamKey key_;
  std::unique_ptr<ByteStream> body_;
};

int run_body() {
  ReportChannel report(number("--report-fd"), "body", 0);
  if (if_nametoindex(options.at("--interface").c_str()) == 0) throw std::runtime_error("interface");
  const StreamKey key = read_stream_key(number("--key-fd"));
  const auto home = secure_server(number("--connection-fd"), key, 2 * kSecond);
  const json first = json::parse(read_text(*home));
  report.set_pid(first.at("pid"));
  report.event("guest", {{"home", 1},
                         {"pid", first.at("pid")},
                         {"comm", first.at("comm")},
                         {"uid", 0},
                         {"memory", options["--max-memory"]}});
  send_text(*home, "ready");
  while (true) {
    report.tend();
    pollfd p[2] = {{report.fd(), POLLIN, 0}, {home->fd(), POLLIN, 0}};
    if (::poll(p, 2, 100) < 0 && errno != EINTR) fail_errno("poll");
    if (p[1].revents != 0 || home->pending()) {
      std::uint8_t byte;
      try {
        home->read({&byte, 1});
      } catch (const StreamBroken& e) {
        report.event("end", {{"why", e.what()}});
        return 4;
      } catch (const StreamClosed&) {
        report.event("end", {{"why", "it went home"}});
        return 0;
      }
    }
    while (const auto request = report.next()) {
      const std::string what = request->at("do");
      if (what == "stats") report.reply("stats", true, "", {{"calls", 7}});
      if (what == "expel") {
        report.reply("expel", true);
        return 0;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bool check = false;
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], "--check") == 0) {
        check = true;
      } else if (i + 1 < argc) {
        options[argv[i]] = argv[i + 1];
        ++i;
      }
    }
    if (check) {
      const bool can = mood() != "refuse";
      json answer = {{"can_move", can}};
      if (!can) answer["why"] = "it maps /dev/dri/card0";
      std::cout << answer << std::endl;
      return can ? 0 : 1;
    }
    if (!clean_descriptors(options.count("--connection-fd") ? 3 : 2)) {
      throw std::runtime_error("there are descriptors of the daemon's");
    }
    const std::string name = std::filesystem::path(argv[0]).filename();
    return name == "starling-deputy" ? FakeDeputy().run() : run_body();
  } catch (const std::exception& e) {
    std::cerr << argv[0] << ": " << e.what() << "\n";
    return 2;
  }
}
