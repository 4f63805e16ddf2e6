// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <iostream>

#include "agents/common/version.h"
#include "agents/tools/command.h"
#include "agents/tools/move_client.h"

using namespace starling::tools;

static void print_help() {
  std::cout << "Usage: mosctl [--json] [--socket PATH] COMMAND [ARGUMENT]...\n"
               "Asks the node daemon about the flock; see mosctl(1).\n\nCommands:\n";
  for (const Command& c : commands()) {
    std::printf("  %-8s %-33s %s\n", c.name, c.arguments, c.summary);
  }
  std::cout << "\nOptions:\n"
               "  --json          answer in JSON\n"
               "  --socket PATH   ask another daemon than the one on /run/starling/control.sock\n"
               "  -h, --help      show this\n"
               "  -V, --version   show mosctl's version\n\n"
               "Exit status: 0 done, 1 failed, 2 usage, 3 daemon not running, 4 no such node,\n"
               "5 no such process, 6 not allowed\n";
}

static int run(int argc, char** argv) {
  Context context;
  const Command* command = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      context.json = true;
    } else if (word == "--help" || word == "-h") {
      std::fflush(stdout);
      print_help();
      return kOk;
    } else if (word == "--version" || word == "-V") {
      std::cout << "mosctl " << starling::kProgramVersion << "\n";
      return kOk;
    } else if (word == "--socket") {
      if (++i == argc) throw UsageError("--socket needs a path");
      context.socket = argv[i];
    } else if (word.rfind("--socket=", 0) == 0) {
      context.socket = word.substr(9);
    } else if (command) {
      context.arguments.push_back(word);
    } else {
      for (const Command& c : commands()) {
        if (word == c.name) command = &c;
      }
      if (!command) throw UsageError("unknown command \"" + word + "\"");
    }
  }
  if (!command) throw UsageError("no command");
  return command->run(context);
}

int main(int argc, char** argv) {
  return guarded("mosctl", [&] { return run(argc, argv); });
}
