// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "builder/cli/arguments.h"
#include "builder/core/cache.h"
#include "builder/core/error.h"

namespace starling::builder {

int verb_clean(const Args& args) {
  boost::program_options::options_description own("Options of this command");
  own.add_options()("all", "also downloads, the compiler's cache, logs and timings");
  ArgumentSpec spec{"clean", own, true, 64};
  // The free words are stages here, not a config file.
  spec.config_is_option_only = true;
  const Arguments a = parse_arguments(spec, args);
  if (a.has("all") && !a.positional.empty())
    throw Error("either --all or names of stages").exit_with(2);
  const LoadedConfig loaded = load_for(a);  // a config with mistakes still says where the cache is
  Cache cache(loaded.config.cache_dir);
  if (!std::filesystem::exists(cache.root())) {
    std::cout << "there is no cache at " << cache.root().string() << "\n";
    return 0;
  }
  cache.create();
  const CacheLock lock(cache);
  cache.remove_stale();
  const auto freed = cache.clean(a.positional, a.has("all"));
  std::cout << "freed " << (freed + (1 << 20) - 1) / (1 << 20) << " MiB in "
            << cache.root().string() << "\n";
  return 0;
}

}  // namespace starling::builder
