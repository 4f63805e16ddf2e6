// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/stage_graph.h"

#include "tests/unit/builder/engine_fixture.h"

namespace starling::builder {
namespace {

using testing::HasSubstr;

class StageGraphTest : public testing::Test {
 protected:
  void add(const std::string& name, std::vector<std::string> needs, bool published = false) {
    all.push_back(std::make_unique<TestStage>(name, needs, nullptr, nullptr, published));
  }
  std::string error() {
    try {
      make_graph(all, Config());
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  std::vector<std::unique_ptr<Stage>> all;
};

TEST_F(StageGraphTest, NeedsComeFirstAndOnlyWhatIsWanted) {
  add("iso", {"squashfs", "kernel"}, true);
  add("kernel", {});
  add("other", {});
  add("squashfs", {"kernel"});
  const auto graph = make_graph(all, Config());
  ASSERT_EQ(graph.stages.size(), 3u);
  EXPECT_EQ(graph.stages[0]->name(), "kernel");
  EXPECT_EQ(graph.stages[2]->name(), "iso");
  for (size_t i = 0; i < graph.needs.size(); ++i)
    for (size_t need : graph.needs[i]) EXPECT_LT(need, i);
}

TEST_F(StageGraphTest, CycleUnknownAndDoubleAreErrors) {
  add("a", {"b"}, true);
  add("b", {"a"});
  EXPECT_THAT(error(), HasSubstr("needs itself"));
  all.clear();
  add("a", {"b"}, true);
  EXPECT_THAT(error(), HasSubstr("which does not exist"));
  add("b", {});
  EXPECT_EQ(error(), "");
  add("b", {});
  EXPECT_THAT(error(), HasSubstr("two stages"));
}

}  // namespace
}  // namespace starling::builder
