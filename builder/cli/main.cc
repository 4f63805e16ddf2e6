// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/stat.h>

#include <iostream>

#include "builder/cli/arguments.h"
#include "builder/cli/report.h"
#include "builder/cli/verb.h"
#include "builder/config/did_you_mean.h"
#include "builder/core/interrupt.h"

namespace starling::builder {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = {
      {"build", "build [CONFIG] [options]", "build ISO, netboot tree and manifest", verb_build},
      {"plan", "plan [CONFIG] [options]", "say which stages would run, and why", verb_plan},
      {"check", "check [CONFIG] [options]", "look for mistakes in a configuration", verb_check},
      {"show", "show [CONFIG] [options]", "print the effective configuration and its origins",
       verb_show},
      {"verify", "verify DIR [options]", "check the checksums and the signature of outputs",
       verb_verify},
      {"boot", "boot IMAGE [options]", "boot an image on several machines in QEMU", verb_boot},
      {"test", "test IMAGE [options]", "boot an image and assert that the flock forms", verb_test},
      {"clean", "clean [STAGE...] [options]", "remove results from the cache", verb_clean},
  };
  return all;
}

const Verb* find_verb(const std::string& name) {
  for (const auto& v : verbs())
    if (name == v.name) return &v;
  return nullptr;
}

namespace {

void print_usage(std::ostream& out) {
  out << "Usage: clusterbuild COMMAND [options]\n\n"
         "Builds, boots and tests live images of Starling.\n\nCommands:\n";
  for (const auto& v : verbs()) {
    std::string name = v.name;
    name.resize(8, ' ');
    out << "  " << name << v.summary << "\n";
  }
  out << "\nclusterbuild COMMAND --help tells more, clusterbuild(1) everything.\n";
}

int dispatch(const Args& args) {
  if (args.empty()) {
    print_usage(std::cerr);
    return 2;
  }
  const std::string& name = args.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(std::cout);
    return 0;
  }
  if (name == "--version") {
    std::cout << "clusterbuild " STARLING_VERSION "\n";
    return 0;
  }
  const Verb* verb = find_verb(name);
  if (!verb) {
    std::vector<std::string> known;
    for (const auto& v : verbs()) known.emplace_back(v.name);
    const std::string guess = did_you_mean(name, known);
    Error e("unknown command `" + name + "'" +
            (guess.empty() ? "" : "; did you mean `" + guess + "'?"));
    throw e.hint("clusterbuild --help lists the commands").exit_with(2);
  }
  try {
    return verb->run(Args(args.begin() + 1, args.end()));
  } catch (const HelpShown&) {
    return 0;
  }
}

}  // namespace
}  // namespace starling::builder

int main(int argc, char** argv) {
  using namespace starling::builder;
  umask(022);  // files in the image must not depend on who builds
  install_interrupt_handlers();
  try {
    return dispatch(Args(argv + 1, argv + argc));
  } catch (const Error& e) {
    print_error(std::cerr, e);
    return e.exit_code;
  } catch (const std::exception& e) {
    print_error(std::cerr, Error(e.what()));
    return 1;
  }
}
