// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/kernel_debian.h"
#include "builder/stages/private_apt.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

void KernelDebianStage::prepare(const Config& config) const { PrivateApt::of(config).update(); }

void KernelDebianStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  const PrivateApt apt = PrivateApt::of(config);
  fp.add("mirror state", apt.ready() ? apt.state() : "not recorded yet");
}

void KernelDebianStage::run(StageContext& ctx) const {
  const PrivateApt apt = PrivateApt::of(ctx.config());
  const std::string meta = "linux-image-" + ctx.config().arch;
  std::string image;
  for (const auto& name : apt.depends(meta))
    if (name.starts_with("linux-image-")) image = name;
  if (image.empty()) throw Error("Debian's " + meta + " names no kernel package");
  ctx.progress("downloading " + image);
  const fs::path deb = apt.download(image);
  link_or_copy(deb, ctx.output() / deb.filename());
}

}  // namespace starling::builder
