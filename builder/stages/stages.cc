// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/stages.h"

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/agents.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/kernel_debian.h"
#include "builder/stages/kernel_stages.h"
#include "builder/stages/live_build.h"

namespace starling::builder {

void add_tool(Fingerprint& fp, const std::string& program) {
  const char* path = getenv("PATH");
  const auto file = find_program(program, path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
  // A missing one is reported by the stage that wants to run it.
  if (file.empty())
    fp.add("tool " + program, "not installed");
  else
    fp.add_file("tool " + program, file);
}

std::vector<std::unique_ptr<Stage>> all_stages() {
  std::vector<std::unique_ptr<Stage>> all;
  all.push_back(std::make_unique<KernelSourceStage>());
  all.push_back(std::make_unique<KernelStage>());
  all.push_back(std::make_unique<KernelDebianStage>());
  all.push_back(std::make_unique<AgentsStage>());
  all.push_back(std::make_unique<BootstrapStage>());
  all.push_back(std::make_unique<RootfsBaseStage>());
  all.push_back(std::make_unique<RootfsSystemStage>());
  all.push_back(std::make_unique<RootfsStage>());
  all.push_back(std::make_unique<SquashfsStage>());
  all.push_back(std::make_unique<NetbootStage>());
  all.push_back(std::make_unique<IsoStage>());
  all.push_back(std::make_unique<ManifestStage>());
  return all;
}

}  // namespace starling::builder
