// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/overlay_mount.h"

#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "builder/core/error.h"
#include "builder/core/stage.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// overlayfs splits its options at ',' and its layers at ':'.
std::string escaped(const fs::path& p) {
  std::string out;
  for (char c : p.string()) {
    if (c == ':' || c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

OverlayMount::OverlayMount(StageContext& ctx, const fs::path& where,
                           const std::vector<fs::path>& layers, const fs::path& upper)
    : root_(where) {
  std::string lower;
  for (auto it = layers.rbegin(); it != layers.rend(); ++it)
    lower += (lower.empty() ? "" : ":") + escaped(*it);
  fs::create_directories(root_);
  std::string options = "lowerdir=" + lower;
  if (upper.empty()) {
    // overlayfs wants two layers when it may not write: an empty one on top.
    if (layers.size() < 2) {
      const fs::path empty = ctx.scratch() / (where.filename().string() + ".empty");
      fs::create_directories(empty);
      options = "lowerdir=" + escaped(empty) + ":" + lower;
    }
  } else {
    const fs::path work = ctx.scratch() / (where.filename().string() + ".work");
    fs::create_directories(upper);
    fs::create_directories(work);
    options += ",upperdir=" + escaped(upper) + ",workdir=" + escaped(work);
  }
  options += ",index=off,metacopy=off,redirect_dir=off";
  ctx.mounted(root_);
  if (mount("overlay", root_.c_str(), "overlay", upper.empty() ? MS_RDONLY : 0, options.c_str()) != 0)
    throw Error("cannot mount the root file system's layers at " + root_.string() + ": " +
                std::strerror(errno))
        .replay("mount -t overlay overlay -o '" + options + "' " + root_.string())
        .hint(errno == EPERM ? "run as root" : "the kernel needs overlayfs; see dmesg");
  mounted_ = true;
}

OverlayMount::~OverlayMount() {
  // Busy after an exception: the engine knows of the mount and detaches it.
  if (mounted_) umount2(root_.c_str(), UMOUNT_NOFOLLOW);
}

void OverlayMount::unmount() {
  if (!mounted_) return;
  mounted_ = false;
  if (umount2(root_.c_str(), UMOUNT_NOFOLLOW) != 0)
    throw Error("cannot unmount " + root_.string() + ": " + std::strerror(errno))
        .hint("fuser -vm " + root_.string() + " tells what is still using it");
}

}  // namespace starling::builder
