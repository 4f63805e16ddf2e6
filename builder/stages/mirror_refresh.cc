// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/mirror_refresh.h"

#include "builder/core/error.h"

namespace starling::builder {

void build_on_current_mirror(PrivateApt& apt, Status& status, const std::function<void()>& build) {
  try {
    return build();
  } catch (const Error& e) {
    if (!e.mirror_moved || !apt.ready()) throw;
    status.note("the Debian mirror no longer has the state recorded for this cache, and stage " +
                e.stage +
                " needs packages from it: taking its new state and building again, as "
                "--refresh does");
  }
  apt.update(true);
  try {
    build();
  } catch (Error& e) {
    if (e.mirror_moved)
      e.hint(
          "the mirror is being renewed, or is incomplete: try again later, or "
          "name another as `mirror'");
    throw;
  }
}

}  // namespace starling::builder
