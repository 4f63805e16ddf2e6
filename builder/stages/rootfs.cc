// SPDX-License-Identifier: GPL-2.0-or-later
// The last layer: what people change often. No package is installed and no initramfs made here.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/chroot.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/login.h"
#include "builder/stages/overlay_mount.h"
#include "builder/stages/system_files.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// Hooks are programs of the person's own: given a copy of the program, not a path of this machine.
void run_hooks(StageContext& ctx, const fs::path& root) {
  for (const auto& hook : ctx.config().hooks) {
    const fs::path inside = "/run/starling-hook";
    ctx.progress("hook " + hook.filename().string());
    fs::create_directories(root / "run");
    fs::copy_file(hook, root / inside.relative_path(), fs::copy_options::overwrite_existing);
    fs::permissions(root / inside.relative_path(), fs::perms::owner_all);
    try {
      in_chroot(ctx, root, {inside.string()}).run();
    } catch (Error& e) {
      Error better("the hook " + hook.string() + " failed: " + e.what());
      throw better.at_file(hook).replay(e.command).see_log(e.log).hint(
          "hooks run in the image as root, by the interpreter their first line names");
    }
    fs::remove(root / inside.relative_path());
  }
}

// Says which image this is: a digest of the layers' packages and of everything laid here, equal on
// all nodes that booted the same build, and known before the image is compressed.
std::string image_id(StageContext& ctx, const fs::path& root, const fs::path& layer) {
  Fingerprint fp;
  fp.add_file("packages", root / "var/lib/dpkg/status");
  const fs::path system = ctx.result_of("rootfs-system");
  fp.add_file("initrd", system / "boot/initrd");
  fp.add_file("kernel", system / "boot/vmlinuz");
  fp.add_file("agent", root / "usr/sbin/starlingd");
  for (const auto& e : fs::recursive_directory_iterator(layer))
    if (e.is_regular_file() && !e.is_symlink())
      fp.add_file("layer " + fs::relative(e.path(), layer).string(), e.path());
    else if (e.is_symlink())
      fp.add("layer " + fs::relative(e.path(), layer).string(), fs::read_symlink(e.path()).string());
  return fp.digest().substr(0, 16);
}

void set_image_id(const fs::path& root, const std::string& profile, const std::string& id) {
  write_file(root / "etc/starling/image-id", id + "\n");
  std::string release = read_file(root / "usr/lib/os-release");
  if (!release.ends_with('\n')) release += '\n';
  write_file(root / "usr/lib/os-release",
             release + "IMAGE_ID=starling-" + profile + "\nIMAGE_VERSION=" + id + "\n");
}

}  // namespace

std::vector<std::string> RootfsStage::needs(const Config&) const {
  return {"rootfs-base", "rootfs-system"};
}

void RootfsStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  fp.add("profile", profile_name(config));
  fp.add_tree("overlay", config.source_dir / "overlay");
  for (const auto& overlay : config.overlays) fp.add_tree(overlay.string(), overlay);
  for (const auto& hook : config.hooks) fp.add_file("hook " + hook.string(), hook);
  fp.add("user", config.user);
  fp.add_secret("password", config.password);
  for (const auto& key : config.ssh_keys) fp.add("ssh-key", key);
  fp.add("hostname", config.hostname);
  fp.add("flock", config.flock);
  const fs::path key = flock_key_file(config);
  fp.add_secret("flock-key", fs::exists(key) ? read_file(key) : "not made yet");
}

void RootfsStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  const long date = ctx.source_date_epoch();
  const fs::path layer = ctx.output() / "layer";
  OverlayMount tree(ctx, ctx.scratch() / "root",
                    {ctx.result_of("rootfs-base") / "tree", ctx.result_of("rootfs-system") / "layer"},
                    layer);
  const fs::path& root = tree.root();

  ctx.progress("laying overlays");
  lay_tree(config.source_dir / "overlay", root, Modes::from_git, date);
  for (const auto& overlay : config.overlays) {
    if (!fs::is_directory(overlay))
      throw Error("the overlay " + overlay.string() + " is not a directory").at_file(overlay);
    lay_tree(overlay, root, Modes::as_they_are, date);
  }

  write_file(root / "etc/hostname", config.hostname + "\n");
  write_file(root / "etc/hosts", hosts_file(config.hostname));
  write_file(root / "etc/starling/starling.d/10-image.conf",
             "# Written by clusterbuild; add files of your own beside it.\nflock = " + config.flock +
                 "\n");
  write_file(root / "etc/starling/flock.key", read_file(flock_key_file(config)), 0600);
  make_login(ctx, root);
  run_hooks(ctx, root);

  clean_tree(root, date);
  set_image_id(root, profile_name(config), image_id(ctx, root, layer));
  tree.unmount();
}

}  // namespace starling::builder
