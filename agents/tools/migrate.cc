// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "agents/common/version.h"
#include "agents/tools/move_client.h"

using namespace starling::tools;

static void print_help() {
  std::cout << "Usage: migrate [--json] [--socket PATH] PID {NODE|home}\n"
               "Moves a running process to another node, or home; see migrate(1).\n\n"
               "  NODE            number, host name or address; mosctl nodes lists them\n"
               "  --json          answer in JSON\n"
               "  --socket PATH   ask another daemon than the one on /run/starling/control.sock\n"
               "  -h, --help      show this\n"
               "  -V, --version   show the version\n\n"
               "Exit status: 0 there, 1 not moved, 2 usage, 3 daemon not running, 4 no such node,\n"
               "5 no such process, 6 not allowed\n";
}

static int run(int argc, char** argv) {
  std::filesystem::path socket = starling::kControlSocket;
  bool json = false;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      print_help();
      return kOk;
    }
    if (word == "--version" || word == "-V") {
      std::cout << "migrate " << starling::kProgramVersion << "\n";
      return kOk;
    }
    if (word == "--json") {
      json = true;
    } else if (word == "--socket") {
      if (++i == argc) throw UsageError("--socket needs a path");
      socket = argv[i];
    } else if (word.rfind("--socket=", 0) == 0) {
      socket = word.substr(9);
    } else if (word.size() > 1 && word[0] == '-') {
      throw UsageError("unknown option \"" + word + "\"");
    } else {
      words.push_back(word);
    }
  }
  if (words.size() != 2) throw UsageError("a process number and a node are needed");
  const nlohmann::json answer =
      ask_move(socket, {{"cmd", "migrate"}, {"pid", process_number(words[0])}, {"node", words[1]}});
  if (json) std::cout << answer.dump(2) << "\n";
  return kOk;
}

int main(int argc, char** argv) {
  return guarded("migrate", [&] { return run(argc, argv); });
}
