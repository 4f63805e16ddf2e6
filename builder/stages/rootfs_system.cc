// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel, agents and initramfs as a layer over live-build's tree.
#include <algorithm>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/chroot.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/overlay_mount.h"
#include "builder/stages/package_list.h"
#include "builder/stages/system_files.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// What of an overlay the initramfs is made of. Laid before it is made; everything else of the
// overlays comes in the rootfs stage, so that editing it does not cost an initramfs.
constexpr const char* kInitramfsParts[] = {"etc/initramfs-tools", "etc/live", "etc/modprobe.d",
                                           "usr/share/initramfs-tools", "usr/share/starling-boot"};

std::vector<fs::path> debs_below(const fs::path& dir, std::string_view prefix) {
  std::vector<fs::path> out;
  for (const auto& e : fs::recursive_directory_iterator(dir)) {
    const std::string file = e.path().filename().string();
    if (e.is_regular_file() && file.starts_with(prefix) && file.ends_with(".deb") &&
        file.find("-dbg_") == std::string::npos)
      out.push_back(e.path());
  }
  std::ranges::sort(out);
  return out;
}

// dpkg -i of packages brought into the chroot. A missing dependency becomes an Error that says
// which package to add to the configuration.
void install_debs(StageContext& ctx, const fs::path& root, const std::vector<fs::path>& debs,
                  const std::string& what) {
  if (debs.empty()) throw Error("no .deb of " + what + " to install");
  const fs::path inside = "/var/cache/starling-debs";
  fs::create_directories(root / inside.relative_path());
  std::vector<std::string> argv = {"dpkg", "--force-unsafe-io", "--force-confnew", "-i"};
  for (const auto& deb : debs) {
    const fs::path copy = root / inside.relative_path() / deb.filename();
    fs::copy_file(deb, copy, fs::copy_options::overwrite_existing);
    argv.push_back((inside / deb.filename()).string());
  }
  // INITRD=No keeps the kernel's hooks from making an initramfs before our files are in place.
  std::string output;
  Command dpkg = in_chroot(ctx, root, argv, {"INITRD=No"});
  dpkg.on_line([&](std::string_view line) { output += std::string(line) + "\n"; });
  const std::string replay = dpkg.shell_line();
  if (dpkg.status() != 0) {
    Error error("dpkg could not install " + what);
    const auto missing = missing_dependencies(output);
    if (!missing.empty()) {
      std::string names;
      for (const auto& m : missing) names += " " + m;
      error = Error(what + " needs packages the image does not have:" + names);
      error.hint("add them to `packages` in the configuration or the profile");
    }
    throw error.replay(replay);
  }
  fs::remove_all(root / inside.relative_path());
}

// The one kernel in the tree.
std::string kernel_version(const fs::path& root) {
  std::vector<std::string> found;
  if (fs::exists(root / "usr/lib/modules"))
    for (const auto& e : fs::directory_iterator(root / "usr/lib/modules"))
      if (fs::exists(root / "boot" / ("vmlinuz-" + e.path().filename().string())))
        found.push_back(e.path().filename().string());
  if (found.empty()) throw Error("there is no kernel in the root file system");
  if (found.size() > 1)
    throw Error("more than one kernel in the root file system: " + found[0] + " and " + found[1])
        .hint("take the kernel package out of `packages`: `kernel =` chooses it");
  return found[0];
}

}  // namespace

std::vector<std::string> RootfsSystemStage::needs(const Config& config) const {
  return {"rootfs-base", config.kernel == KernelKind::patched ? "kernel" : "kernel-debian", "agents"};
}

void RootfsSystemStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  for (const char* part : kInitramfsParts) {
    fp.add_tree("overlay " + std::string(part), config.source_dir / "overlay" / part);
    for (const auto& overlay : config.overlays)
      fp.add_tree(overlay.string() + " " + part, overlay / part);
  }
}

void RootfsSystemStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  const fs::path layer = ctx.output() / "layer";
  OverlayMount tree(ctx, ctx.scratch() / "root", {ctx.result_of("rootfs-base") / "tree"}, layer);
  const fs::path& root = tree.root();

  ctx.progress("installing the kernel");
  const bool patched = config.kernel == KernelKind::patched;
  install_debs(ctx, root, debs_below(ctx.result_of(patched ? "kernel" : "kernel-debian"), "linux-image"),
               "the kernel");
  ctx.progress("installing the agents");
  install_debs(ctx, root, debs_below(ctx.result_of("agents"), "starling"), "the agents");

  for (const char* part : kInitramfsParts) {
    lay_tree(config.source_dir / "overlay" / part, root / part, Modes::from_git,
             ctx.source_date_epoch());
    for (const auto& overlay : config.overlays)
      lay_tree(overlay / part, root / part, Modes::as_they_are, ctx.source_date_epoch());
  }

  // Presets only speak when a package is installed; ours has come too late for networkd.
  ctx.progress("enabling services");
  std::vector<std::string> enable = {"systemctl", "enable", "systemd-networkd.service"};
  for (const char* unit : {"starlingd.service", "starling-netboot.service", "starling-hostname.service",
                           "starling-hostname.path"})
    if (fs::exists(root / "usr/lib/systemd/system" / unit)) enable.push_back(unit);
  in_chroot(ctx, root, enable).run();

  const std::string version = kernel_version(root);
  ctx.progress("making the initramfs for " + version);
  in_chroot(ctx, root, {"update-initramfs", "-c", "-k", version}).run();
  fs::create_directories(ctx.output() / "boot");
  fs::copy_file(root / "boot" / ("vmlinuz-" + version), ctx.output() / "boot/vmlinuz");
  fs::copy_file(root / "boot" / ("initrd.img-" + version), ctx.output() / "boot/initrd");
  write_file(ctx.output() / "kernel-version", version + "\n");

  // The image boots from live/; what is under /boot would only be carried twice.
  for (const auto& e : fs::directory_iterator(root / "boot"))
    if (!e.path().filename().string().starts_with("config-")) fs::remove_all(e.path());
  for (const char* link : {"vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"})
    fs::remove(root / link);
  fs::remove_all(root / "var/lib/initramfs-tools");
  clean_tree(root, ctx.source_date_epoch());
  tree.unmount();
}

}  // namespace starling::builder
