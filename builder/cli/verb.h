// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace starling::builder {

using Args = std::vector<std::string>;

// A word after `clusterbuild`. `run` gets the arguments after it and returns the exit code:
// 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
struct Verb {
  const char* name;
  const char* usage;    // "build [CONFIG] [options]"
  const char* summary;  // one line for the list of verbs
  int (*run)(const Args&);
};

// One file each.
int verb_build(const Args& args);
int verb_plan(const Args& args);
int verb_check(const Args& args);
int verb_show(const Args& args);
int verb_verify(const Args& args);
int verb_boot(const Args& args);
int verb_test(const Args& args);
int verb_clean(const Args& args);

const std::vector<Verb>& verbs();
const Verb* find_verb(const std::string& name);

}  // namespace starling::builder
