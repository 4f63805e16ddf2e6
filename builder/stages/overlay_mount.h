// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <vector>

namespace starling::builder {

class StageContext;

// Root file system layers seen as one tree, for as long as the object lives. `layers` go from the
// lowest up. With `upper` (a directory beside scratch space of the same file system) changes are
// collected there as the next layer; without it the tree is read only.
//
// Layers are plain overlayfs upper directories (whiteouts are 0/0 devices, opaque directories carry
// an extended attribute), mounted without index, metacopy and redirects so that they stay valid
// when they are renamed into the cache. Throws Error when the kernel refuses the mount.
class OverlayMount {
 public:
  OverlayMount(StageContext& ctx, const std::filesystem::path& where,
               const std::vector<std::filesystem::path>& layers,
               const std::filesystem::path& upper = {});
  ~OverlayMount();
  OverlayMount(const OverlayMount&) = delete;
  OverlayMount& operator=(const OverlayMount&) = delete;

  const std::filesystem::path& root() const { return root_; }
  // Unmounts now and throws Error when that fails; the destructor then does nothing.
  void unmount();

 private:
  std::filesystem::path root_;
  bool mounted_ = false;
};

}  // namespace starling::builder
