// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a command on another node. The command takes this very process, so that the shell sees its
// own child with its own exit status, group and terminal; a process beside it asks for the move.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"
#include "agents/common/version.h"
#include "agents/tools/move_client.h"
#include "agents/tools/node_choice.h"

using namespace starling;
using namespace starling::tools;

// As of env(1) and nohup(1): what the command itself returns is seldom above 124.
static constexpr int kMosrunFailed = 125;
static constexpr int kCannotRun = 126;
static constexpr int kNotFound = 127;

namespace {
struct Options {
  std::filesystem::path socket = kControlSocket;
  std::string node;  // empty: stay here
  bool best = false;
  bool lock = false;
  bool quiet = false;
};
}  // namespace

static void print_help() {
  std::cout
      << "Usage: mosrun [-j NODE | -b | -h] [-l] [-q] [--socket PATH] [--] COMMAND "
         "[ARGUMENT]...\n"
         "Runs a command and moves it to another node; see mosrun(1).\n\n"
         "  -j NODE         to this node: number, host name or address\n"
         "  -b              to the node that is least loaded now; done without -j, -h and -l\n"
         "  -h              at home\n"
         "  -l              locked: it stays where it was put, with neither -j nor -b at home\n"
         "  -q              do not tell when it could not be moved\n"
         "  --socket PATH   ask another daemon than the one on /run/starling/control.sock\n"
         "  --help          show this\n"
         "  --version       show the version\n\n"
         "A command that cannot be moved runs at home. Exit status: the command's; 125 when\n"
         "mosrun itself fails, 126 when the command cannot be run, 127 when there is none\n";
}

// The move is asked for once the command runs: before, there would be nothing to move but this
// program. `started` ends when exec has closed its other end, and gives a byte when there was no
// exec.
static void ask_for_move(const Options& options, pid_t pid, int started) {
  char byte;
  ssize_t n;
  while ((n = ::read(started, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (n != 0) return;  // it could not be run
  try {
    if (!options.node.empty()) {
      ask_move(options.socket, {{"cmd", "migrate"}, {"pid", pid}, {"node", options.node}});
    }
    if (options.lock) ask_move(options.socket, {{"cmd", "lock"}, {"pid", pid}});
  } catch (const Refused& e) {
    // A command that was over before it could move has had what it wanted.
    if (!options.quiet && e.status != kNoSuchProcess) std::cerr << "mosrun: " << e.what() << "\n";
  } catch (const std::exception& e) {
    if (!options.quiet) std::cerr << "mosrun: " << e.what() << "\n";
  }
}

// Twice forked, so that the command never sees a child that it did not start. Returns what exec
// closes, or what a byte is written to when it fails.
static UniqueFd start_asker(const Options& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  const UniqueFd started(ends[0]);
  UniqueFd running(ends[1]);
  const pid_t command = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) fail_errno("fork");
  if (child == 0) {
    if (::fork() != 0) ::_exit(0);
    // Who reads the command's output waits for its end, not for this.
    running.reset();
    for (const int fd : {0, 1}) ::close(fd);
    ask_for_move(options, command, started.get());
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return running;
}

static void settle_node(Options& options) {
  if (!options.best && options.node.empty()) return;
  if (options.best) {
    const auto nodes = ask_move(options.socket, {{"cmd", "nodes"}}).at("nodes");
    const auto number = least_loaded(nodes);
    if (!number) return;
    options.node = std::to_string(*number);
  }
  // Told before the command starts: a node that is not there is a mistake of the command line.
  const auto node = ask_move(options.socket, {{"cmd", "whois"}, {"who", options.node}}).at("node");
  if (node.is_null()) throw Refused(kNoSuchNode, "there is no node \"" + options.node + "\"");
  if (node.value("self", false)) options.node.clear();
}

static int run(int argc, char** argv) {
  Options options;
  bool home = false;
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; ++i) {
    const std::string word = argv[i];
    if (word == "--") {
      ++i;
      break;
    }
    if (word == "--help") {
      print_help();
      return kOk;
    }
    if (word == "--version" || word == "-V") {
      std::cout << "mosrun " << kProgramVersion << "\n";
      return kOk;
    }
    if (word == "-h") {
      home = true;
    } else if (word == "-b") {
      options.best = true;
    } else if (word == "-l") {
      options.lock = true;
    } else if (word == "-q") {
      options.quiet = true;
    } else if (word == "-j" || word == "--socket") {
      if (i + 1 == argc) throw UsageError(word + " needs a value");
      if (word == "-j") {
        options.node = argv[++i];
      } else {
        options.socket = argv[++i];
      }
    } else if (word.rfind("-j", 0) == 0 && word.size() > 2) {
      options.node = word.substr(2);
    } else if (word.rfind("--socket=", 0) == 0) {
      options.socket = word.substr(9);
    } else {
      throw UsageError("unknown option \"" + word + "\"");
    }
  }
  if (i == argc) throw UsageError("no command");
  if ((home ? 1 : 0) + (options.best ? 1 : 0) + (options.node.empty() ? 0 : 1) > 1) {
    throw UsageError("-j, -b and -h exclude each other");
  }
  if (!home && !options.lock && options.node.empty()) options.best = true;
  settle_node(options);
  UniqueFd running;
  if (!options.node.empty() || options.lock) running = start_asker(options);
  ::execvp(argv[i], &argv[i]);
  const int error = errno;
  if (running && ::write(running.get(), "x", 1) != 1) return kMosrunFailed;
  std::cerr << "mosrun: " << argv[i] << ": " << std::strerror(error) << "\n";
  return error == ENOENT ? kNotFound : kCannotRun;
}

int main(int argc, char** argv) {
  bool ran = false;
  const int status = guarded("mosrun", [&] {
    const int result = run(argc, argv);
    ran = true;
    return result;
  });
  return ran ? status : kMosrunFailed;
}
