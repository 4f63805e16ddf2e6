// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/config.h"
#include "builder/stages/boot_files.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

std::vector<std::string> NetbootStage::needs(const Config&) const { return {"squashfs"}; }

void NetbootStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  add_boot_files(config, fp);
}

void NetbootStage::run(StageContext& ctx) const {
  const fs::path dir = ctx.output() / "netboot";
  make_netboot_loaders(ctx, dir);
  const fs::path live = ctx.result_of("squashfs") / "live";
  for (const char* file : {"vmlinuz", "initrd", "filesystem.squashfs"})
    link_or_copy(live / file, dir / "live" / file);
}

}  // namespace starling::builder
