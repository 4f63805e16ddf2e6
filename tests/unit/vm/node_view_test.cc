// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/node_view.h"

#include <gtest/gtest.h>

#include "builder/core/error.h"

namespace starling::vm {
namespace {

TEST(ParseNodeView, ReadsWhatMosctlPrints) {
  const auto view = parse_node_view(
      R"({"ok": true, "nodes": [{"number": 1, "state": "alive", "self": true, "image": "abc"},)"
      R"({"number": 2, "state": "dead", "image": "abc"}, {"number": 3, "state": "alive"}]})");
  EXPECT_EQ(view.self, 1);
  EXPECT_EQ(view.alive(), 2);
  EXPECT_EQ(view.state(2), "dead");
  EXPECT_EQ(view.state(9), "unknown");
  EXPECT_EQ(view.nodes.at(1).image, "abc");
}

TEST(ParseNodeView, RefusesOtherText) {
  for (const char* bad : {"", "[]", "{\"nodes\": 3}", "{\"nodes\": [{\"state\": \"alive\"}]}",
                          "mosctl: no daemon"})
    EXPECT_THROW(parse_node_view(bad), builder::Error) << bad;
}

}  // namespace
}  // namespace starling::vm
