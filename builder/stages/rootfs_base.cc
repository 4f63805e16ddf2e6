// SPDX-License-Identifier: GPL-2.0-or-later
// The two stages that drive live-build: bootstrap and chroot.
#include <algorithm>
#include <set>
#include <sstream>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/live_build.h"
#include "builder/stages/package_list.h"
#include "builder/stages/private_apt.h"
#include "builder/stages/system_files.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

fs::path base_list(const Config& config) {
  return config.source_dir / "iso/base.packages";
}

// apt's own answer to a name that Debian does not have comes after a minute of bootstrapping.
void check_names(StageContext& ctx, const std::vector<std::string>& packages) {
  const PrivateApt apt = PrivateApt::of(ctx.config());
  std::set<std::string, std::less<>> known;
  std::istringstream names(ctx.command({"apt-cache", "pkgnames"})
                               .env("APT_CONFIG", apt.apt_conf().string())
                               .env("LC_ALL", "C")
                               .capture());
  for (std::string name; names >> name;) known.insert(name);
  for (const auto& p : packages) {
    if (known.contains(p)) continue;
    const auto base =
        parse_package_list(read_file(base_list(ctx.config())), base_list(ctx.config()));
    Error e("Debian " + ctx.config().suite + " has no package `" + p + "'");
    e.hint("see `packages` in the configuration or the profile; apt-cache search finds names");
    if (std::ranges::find(base, p) != base.end()) e.at_file(base_list(ctx.config()));
    throw e;
  }
}

// live-build's apt went to the mirror by itself: what it saw must be what was recorded, or the
// cache would hold a tree under the name of another.
void check_mirror_state(const fs::path& root, const PrivateApt& apt) {
  const fs::path recorded = apt.apt_conf().parent_path() / "state/lists";
  const fs::path seen = root / "var/lib/apt/lists";
  if (!fs::is_directory(seen)) return;
  for (const auto& e : fs::directory_iterator(seen)) {
    const fs::path ours = recorded / e.path().filename();
    if (!e.path().filename().string().ends_with("InRelease") || !fs::exists(ours)) continue;
    if (read_file(e.path()) != read_file(ours))
      throw Error("the Debian mirror has changed since its state was recorded")
          .at_file(ours)
          .because_mirror_moved()
          .hint("run again with --refresh to take the new state");
  }
}

// The same, before minutes are spent on it.
void ask_mirror(StageContext& ctx) {
  ctx.progress("asking the mirror");
  const PrivateApt apt = PrivateApt::of(ctx.config());
  if (apt.mirror_moved())
    throw Error(
        "the Debian mirror has changed since its state was recorded, and packages are "
        "needed from it")
        .at_file(apt.sources_list())
        .because_mirror_moved()
        .hint("run again with --refresh to take the new state");
}

}  // namespace

std::vector<std::string> wanted_packages(const Config& config) {
  for (const auto& p : config.packages)
    if (!is_package_name(p.starts_with("-") ? std::string_view(p).substr(1) : std::string_view(p)))
      throw Error("\"" + p + "\" in `packages` cannot be the name of a Debian package")
          .hint("names are lower case letters, digits and + - . only");
  return merge_packages(
      {parse_package_list(read_file(base_list(config)), base_list(config)), config.packages});
}

void BootstrapStage::prepare(const Config& config) const {
  PrivateApt::of(config).update();
}

void BootstrapStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  const PrivateApt apt = PrivateApt::of(config);
  fp.add("suite", config.suite);
  fp.add("arch", config.arch);
  fp.add("mirror state", apt.ready() ? apt.state() : "not recorded yet");
  add_tool(fp, "debootstrap");
}

void BootstrapStage::run(StageContext& ctx) const {
  ask_mirror(ctx);
  check_names(ctx, wanted_packages(ctx.config()));
  LiveBuild live_build(ctx);
  live_build.configure();
  live_build.run("bootstrap");
  fs::rename(live_build.work_dir() / "chroot", ctx.output() / "chroot");
  // live-build knows by these files what it has done already.
  fs::rename(live_build.work_dir() / ".build", ctx.output() / "done");
}

void RootfsBaseStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", "1");
  std::string packages;
  for (const auto& p : wanted_packages(config)) packages += p + " ";
  fp.add("packages", packages);
  if (!config.live_build_config.empty()) fp.add_tree("live-build", config.live_build_config);
}

void RootfsBaseStage::run(StageContext& ctx) const {
  ask_mirror(ctx);
  check_names(ctx, wanted_packages(ctx.config()));
  LiveBuild live_build(ctx);
  live_build.configure();
  const fs::path work = live_build.work_dir(), bootstrap = ctx.result_of("bootstrap");
  ctx.progress("copying the bootstrapped tree");
  ctx.command({"cp", "-a", (bootstrap / "chroot").string(), (work / "chroot").string()}).run();
  fs::remove_all(work / ".build");
  ctx.command({"cp", "-a", (bootstrap / "done").string(), (work / ".build").string()}).run();
  live_build.run("chroot");

  const fs::path tree = ctx.output() / "tree";
  fs::rename(work / "chroot", tree);
  check_mirror_state(tree, PrivateApt::of(ctx.config()));
  // The bootstrapped packages came before dpkg's path filter.
  for (const char* gone : {"usr/share/locale", "usr/share/info", "usr/share/lintian"})
    if (fs::is_directory(tree / gone))
      for (const auto& e : fs::directory_iterator(tree / gone))
        if (e.path().filename() != "locale.alias") fs::remove_all(e.path());
  std::vector<fs::path> doomed;
  for (const auto& e : fs::recursive_directory_iterator(tree / "usr/share/doc"))
    // Links stand for another package's whole directory, its licence included.
    if (fs::is_regular_file(e.symlink_status()) && e.path().filename() != "copyright")
      doomed.push_back(e.path());
  if (const auto all = wanted_packages(ctx.config()); std::ranges::find(all, "man-db") == all.end())
    for (const auto& e : fs::directory_iterator(tree / "usr/share/man")) doomed.push_back(e.path());
  for (const auto& d : doomed) fs::remove_all(d);
  clean_tree(tree, ctx.source_date_epoch());
}

}  // namespace starling::builder
