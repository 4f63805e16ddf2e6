// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/core/stat_cache.h"
#include "builder/core/status.h"

namespace starling::builder {

// Brings the files of `trees` (outputs in the cache) to `out`, keeping relative paths. Each file
// appears by one rename and only when its content differs; files that an earlier publication put
// there and this one does not have are removed; anything else in `out` is left alone. Copies
// (shared extents where the file system can), never hard links: writing to an artefact must not
// change the cache. The list of published files is out/.starling-published.
// Returns the number of files written or removed.
int publish(const std::vector<std::filesystem::path>& trees, const std::filesystem::path& out,
            StatCache& stat_cache, Status& status);

}  // namespace starling::builder
