// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/agents.h"

#include <thread>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

void AgentsStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  fp.add_file("CMakeLists.txt", config.source_dir / "CMakeLists.txt");
  fp.add_tree("agents", config.source_dir / "agents");
  for (const char* tool : {"c++", "cmake", "cpack", "protoc"}) add_tool(fp, tool);
}

void AgentsStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  // The build tree outlives the run: an edited source compiles in seconds. cmake binds it to one
  // checkout, and several may share a cache.
  const fs::path build =
      ctx.persistent("agents-build-" + sha256_hex(config.source_dir.string()).substr(0, 8));
  const std::string date = std::to_string(ctx.source_date_epoch());
  const auto tool = [&](std::vector<std::string> argv) {
    return ctx.command(std::move(argv))
        .env("SOURCE_DATE_EPOCH", date)
        .env("CCACHE_DIR", ctx.persistent("ccache").string())
        .env("TZ", "UTC");
  };

  ctx.progress("cmake");
  std::vector<std::string> configure = {
      "cmake", "-S", config.source_dir.string(), "-B", build.string(), "-G", "Ninja",
      "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_INSTALL_PREFIX=/usr",
      // Where the build tree lies must not show in the debug information.
      "-DCMAKE_CXX_FLAGS=-ffile-prefix-map=" + build.string() + "=build"};
  if (have_program("ccache")) configure.push_back("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache");
  tool(configure).run();

  ctx.progress("compiling");
  // Neither builder nor tests: what lies under agents/ is what the image gets.
  tool({"cmake", "--build", build.string(), "--target", "agents/all", "--parallel",
        std::to_string(std::max(1u, std::thread::hardware_concurrency()))})
      .env("NINJA_STATUS", "[%f/%t] ")
      .on_line([&](std::string_view line) {
        int done = 0, total = 0;
        if (sscanf(std::string(line).c_str(), "[%d/%d]", &done, &total) == 2 && total > 0)
          ctx.progress("compiling", static_cast<double>(done) / total);
      })
      .run();

  ctx.progress("packing");
  tool({"cpack", "-G", "DEB", "--config", (build / "CPackConfig.cmake").string(), "-D",
        "CPACK_INSTALL_CMAKE_PROJECTS=" + (build / "agents").string() + ";starling;ALL;/", "-B",
        (ctx.scratch() / "pack").string()})
      .run();
  int found = 0;
  for (const auto& e : fs::directory_iterator(ctx.scratch() / "pack"))
    if (e.path().extension() == ".deb") {
      link_or_copy(e.path(), ctx.output() / e.path().filename());
      ++found;
    }
  if (found == 0)
    throw Error("cpack made no .deb of the agents").at_file(build / "CPackConfig.cmake");
}

}  // namespace starling::builder
