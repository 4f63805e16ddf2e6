// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/chroot.h"

namespace starling::builder {

Command in_chroot(StageContext& ctx, const std::filesystem::path& root,
                  const std::vector<std::string>& argv,
                  const std::vector<std::string>& environment) {
  std::vector<std::string> all = {"unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child",
                                  "--mount-proc=" + (root / "proc").string(), "chroot",
                                  root.string(), "/usr/bin/env", "-i",
                                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                                  "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                                  "DEBCONF_NONINTERACTIVE_SEEN=true",
                                  "SOURCE_DATE_EPOCH=" + std::to_string(ctx.source_date_epoch())};
  all.insert(all.end(), environment.begin(), environment.end());
  all.insert(all.end(), argv.begin(), argv.end());
  return ctx.command(all);
}

}  // namespace starling::builder
