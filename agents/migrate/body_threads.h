// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>

#include "agents/migrate/body_builder.h"
#include "agents/migrate/empty_body.h"

namespace starling::migrate {

// Lets a thread of the body make the clone(2) or clone3(2) that it is about to make, natively and
// with its own arguments, so that the new thread gets number `number`, which it has at home.
// `maker` is stopped at its call instruction; there it stands afterwards when nothing was made,
// else behind the call. Both are stopped. The new thread, which is in `parts` then; none when the
// guest cannot make it. Throws ProcessGone, std::runtime_error: the body must not go on then.
std::optional<pid_t> start_thread(EmptyBody& body, BodyParts& parts, pid_t maker, pid_t number);

}  // namespace starling::migrate
