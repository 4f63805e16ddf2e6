// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/cli/verb.h"
#include "builder/vm/verbs.h"

namespace starling::builder {

// The machines' own verbs parse their command line themselves.
int verb_boot(const Args& args) {
  return vm_boot(args);
}
int verb_test(const Args& args) {
  return vm_test(args);
}

}  // namespace starling::builder
