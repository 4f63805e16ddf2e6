// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agents/migrate/process_maps.h"

namespace starling::migrate {

// Why the process cannot be moved, as far as /proc tells without stopping it; one sentence for
// people ("it maps /dev/dri/card0"). Empty when nothing speaks against it. Throws ProcessGone.
std::optional<std::string> reason_to_stay(pid_t pid);

// The same for its mappings alone; empty path, kind and flags as read_maps gives them.
std::optional<std::string> reason_in_maps(const std::vector<Mapping>& maps);

// What only VmFlags in smaps tells (proc_pid_smaps(5)); part of reason_to_stay(). Costs a walk over
// the page tables, milliseconds for a gigabyte.
std::optional<std::string> reason_in_flags(pid_t pid);

// The pid of another process that maps the same memory, 0 when there is none or it cannot be told.
// Reads the maps of every process: only for an answer to a person.
pid_t find_sharer(pid_t pid, const Mapping& mapping);

}  // namespace starling::migrate
